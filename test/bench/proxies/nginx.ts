import { freePorts } from '../../fakes/sidecar-process.ts';
import type { Lab, Plan, Setup } from '../lab.ts';
import { nginxConfiguration } from '../origin.ts';

/** nginx as reverse proxy: HTTP/1.1, plain, connections to the origin kept. */
export async function planNginx(lab: Lab, setup: Setup): Promise<Plan> {
  const ports = await freePorts(setup.used);
  const servers = ports.map(
    (port) => `server { listen 127.0.0.1:${port}; location / { proxy_pass http://origin; } }`,
  );
  const path = lab.write(
    'conf',
    nginxConfiguration(
      lab.directory,
      `upstream origin {
        server 127.0.0.1:${lab.origin.http1}; keepalive 256; keepalive_requests 1000000000;
      }
      proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host;
      ${servers.join('\n')}`,
    ),
  );
  const file = lab.tools.nginx?.path ?? 'nginx';
  return { ports, commands: [{ file, args: ['-c', path, '-p', lab.directory] }] };
}
