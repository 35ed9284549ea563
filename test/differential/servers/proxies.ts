import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from '../../fakes/sidecar-process.ts';
import { startNode } from './node.ts';
import { Program, type ProgramOptions } from './program.ts';
import type { Server } from './server.ts';

/** Where those write that cannot write to their output. */
const LOG = 'requests.log';

/** nginx before an origin. */
export async function startNginx(directory: string): Promise<Server> {
  return await startProxy('nginx', directory, (port, origin) => {
    const path = write(
      directory,
      'nginx.conf',
      `daemon off; master_process off; worker_processes 1;
      pid ${directory}/nginx.pid; error_log stderr crit;
      events { worker_connections 256; }
      http {
        log_format seen escape=none '$request';
        access_log ${directory}/${LOG} seen;
        client_body_temp_path ${directory}/body; proxy_temp_path ${directory}/proxy;
        fastcgi_temp_path ${directory}/fastcgi; uwsgi_temp_path ${directory}/uwsgi;
        scgi_temp_path ${directory}/scgi;
        upstream origin { server 127.0.0.1:${origin}; keepalive 16; }
        server {
          listen 127.0.0.1:${port};
          location / {
            proxy_pass http://origin;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
          }
        }
      }`,
    );
    return { file: 'nginx', args: ['-c', path, '-p', directory, '-e', 'stderr'] };
  });
}

/** HAProxy before an origin. It logs twice where a line tells nothing of the response. */
export async function startHaproxy(directory: string): Promise<Server> {
  return await startProxy('haproxy', directory, (port, origin) => {
    const path = write(
      directory,
      'haproxy.cfg',
      `global
  log stdout len 16384 format raw daemon
  maxconn 256
  nbthread 1
  tune.http.logurilen 8192
defaults
  mode http
  log-format "%HM %HU %ST"
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
listen differential
  log global
  bind 127.0.0.1:${port}
  server origin 127.0.0.1:${origin}
`,
    );
    return { file: 'haproxy', args: ['-db', '-f', path] };
  });
}

/** Apache before an origin. */
export async function startApache(directory: string): Promise<Server> {
  return await startProxy('apache', directory, (port, origin) => {
    const modules = ['mpm_event', 'proxy', 'proxy_http', 'authz_core'].map(
      (name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`,
    );
    const path = write(
      directory,
      'apache.conf',
      `${modules.join('\n')}
ServerRoot ${directory}
ServerName cart
Listen 127.0.0.1:${port}
PidFile ${directory}/apache.pid
User www-data
Group www-data
ErrorLog ${directory}/errors.log
LogLevel crit
LogFormat "%r" seen
CustomLog ${directory}/${LOG} seen
KeepAlive On
KeepAliveTimeout 30
AllowEncodedSlashes NoDecode
MergeSlashes OFF
ProxyPassMatch "^(/.*)$" "http://127.0.0.1:${origin}$1" nocanon
`,
    );
    return { file: 'apache2', args: ['-f', path, '-DFOREGROUND'] };
  });
}

async function startProxy(
  name: string,
  directory: string,
  plan: (port: number, origin: number) => Pick<ProgramOptions, 'file' | 'args'>,
): Promise<Server> {
  const origin = await startNode();
  const [port = 0] = await freePorts(1);
  const output: string[] = [];
  const program = new Program({
    ...plan(port, origin.port),
    env: { PATH: `${process.env.PATH}:/usr/local/sbin:/usr/sbin:/sbin` },
    directory,
    onLine: (line) => output.push(line),
  });
  const end = async (): Promise<void> => {
    await program[Symbol.asyncDispose]();
    await origin[Symbol.asyncDispose]();
  };
  await program.listens(port).catch(async (error: unknown) => {
    await end();
    throw error;
  });
  const path = join(directory, LOG);
  return {
    name,
    port,
    seen: origin.seen,
    get log() {
      const lines = existsSync(path) ? readFileSync(path, 'latin1').split('\n') : [...output, ''];
      return lines.slice(0, -1).map((line) => unescaped(line).split(' ', 2).join(' '));
    },
    [Symbol.asyncDispose]: end,
  };
}

/** HAProxy writes `#22` for a quote and Apache a backslash before it. */
function unescaped(line: string): string {
  return line
    .replace(/#([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replace(/\\(["\\])/g, '$1');
}

function write(directory: string, name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}
