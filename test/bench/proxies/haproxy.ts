import { freePorts } from '../../fakes/sidecar-process.ts';
import type { Command } from '../children.ts';
import type { Lab, Plan, Setup } from '../lab.ts';

/** HAProxy with one thread and without logs; a pair speaks HTTP/1.1 (or TCP) over mutual TLS. */
export async function planHaproxy(lab: Lab, setup: Setup): Promise<Plan> {
  const [between = 0, ...ports] = await freePorts(setup.used + 1);
  const h2 = setup.protocol === 'h2c' || setup.protocol === 'grpc' ? 'proto h2' : '';
  const origin = `127.0.0.1:${lab.origin.port(setup.protocol)} ${h2}`;
  const binds = ports.map((port) => `bind 127.0.0.1:${port} ${h2}`);
  if (setup.hop === 'plain') {
    return { ports, commands: [command(lab, setup, binds, origin)] };
  }
  const client = `ssl verify required ca-file ${lab.roots} crt ${lab.certificate('client').both}`;
  const server = `ssl verify required ca-file ${lab.roots} crt ${lab.certificate('greeter').both}`;
  return {
    ports,
    commands: [
      command(lab, setup, binds, `127.0.0.1:${between} ${client}`),
      command(lab, setup, [`bind 127.0.0.1:${between} ${server}`], origin),
    ],
  };
}

function command(lab: Lab, setup: Setup, binds: readonly string[], server: string): Command {
  const mode = setup.protocol === 'tcp' ? 'tcp' : 'http';
  const path = lab.write(
    'cfg',
    `global
  nbthread 1
  maxconn 8192
  ssl-default-bind-options ssl-min-ver TLSv1.3
  ssl-default-server-options ssl-min-ver TLSv1.3
defaults
  mode ${mode}
  no log
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  ${mode === 'http' ? 'http-reuse always' : ''}
listen bench
  ${binds.join('\n  ')}
  server next ${server}
`,
  );
  return { file: lab.tools.haproxy?.path ?? 'haproxy', args: ['-db', '-f', path] };
}
