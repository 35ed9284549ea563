import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from '../../fakes/sidecar-process.ts';
import { startNode } from './node.ts';
import { Program, type ProgramOptions } from './program.ts';
import type { Server } from './server.ts';

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
        access_log /dev/stdout seen;
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

/** HAProxy before an origin. */
export async function startHaproxy(directory: string): Promise<Server> {
  return await startProxy('haproxy', directory, (port, origin) => {
    const path = write(
      directory,
      'haproxy.cfg',
      `global
  log stdout format raw daemon
  maxconn 256
  nbthread 1
defaults
  mode http
  log global
  log-format "%HM %HU %HV"
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
listen differential
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
ErrorLog /dev/stderr
LogLevel crit
LogFormat "%r" seen
CustomLog /dev/stdout seen
KeepAlive On
KeepAliveTimeout 30
AllowEncodedSlashes NoDecode
ProxyPass "/" "http://127.0.0.1:${origin}/" nocanon
`,
    );
    return { file: 'apache2', args: ['-f', path, '-DFOREGROUND'] };
  });
}

/** Varnish before an origin, with nothing from its cache. */
export async function startVarnish(directory: string): Promise<Server> {
  return await startProxy('varnish', directory, (port, origin) => {
    const path = write(
      directory,
      'pass.vcl',
      `vcl 4.1;
backend origin { .host = "127.0.0.1"; .port = "${origin}"; }
sub vcl_recv { return (pass); }
`,
    );
    mkdirSync(join(directory, 'varnish'), { recursive: true });
    return {
      file: 'varnishd',
      args: [
        ...['-F', '-n', join(directory, 'varnish'), '-a', `127.0.0.1:${port}`, '-f', path],
        ...['-s', 'malloc,16m', '-p', 'feature=+http2'],
      ],
    };
  });
}

async function startProxy(
  name: string,
  directory: string,
  plan: (port: number, origin: number) => Pick<ProgramOptions, 'file' | 'args'>,
): Promise<Server> {
  const origin = await startNode();
  const [port = 0] = await freePorts(1);
  const log: string[] = [];
  const program = new Program({
    ...plan(port, origin.port),
    env: { PATH: `${process.env.PATH}:/usr/local/sbin:/usr/sbin:/sbin` },
    directory,
    onLine: (line) => log.push(line.replace(/ HTTP\/1\.[01]$/, '')),
  });
  await program.listens(port);
  return {
    name,
    port,
    seen: origin.seen,
    // What Varnish prints is of another kind.
    ...(name === 'varnish' ? {} : { log }),
    async [Symbol.asyncDispose]() {
      await program[Symbol.asyncDispose]();
      await origin[Symbol.asyncDispose]();
    },
  };
}

function write(directory: string, name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}
