import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { SidecarPair } from '../fakes/sidecar-pair.ts';
import { freePorts } from '../fakes/sidecar-process.ts';
import { until } from '../fakes/until.ts';

/** What is attacked, in front of the application. */
export interface Defender extends AsyncDisposable {
  readonly pid: number;
  readonly plainPort: number;
  /** 0 where there is none. */
  readonly trunkPort: number;
  /** Where bystanders ask. */
  readonly bystanderPorts: readonly number[];
  /** It ended: its exit code and what it said last. */
  readonly death: string | undefined;
}

interface DefenderOptions {
  /** For configurations and certificates. */
  readonly directory: string;
  readonly applicationPort: number;
}

/** A sidecar, asked in plain text and through the trunk. */
export async function startSidecar(options: DefenderOptions): Promise<Defender> {
  const pair = await SidecarPair.start(options);
  const { inbound, inboundPort, outboundPort, trunkPort } = pair;
  return {
    pid: inbound.pid,
    plainPort: inboundPort,
    trunkPort,
    bystanderPorts: [inboundPort, outboundPort],
    get death() {
      const { exitCode, lines } = inbound;
      return exitCode === undefined ? undefined : `${exitCode}, ${JSON.stringify(lines.at(-1))}`;
    },
    [Symbol.asyncDispose]: () => pair[Symbol.asyncDispose](),
  };
}

/** HAProxy with one thread and its own defaults: what a proxy makes of the attack on this machine. */
export async function startHaproxy(options: DefenderOptions): Promise<Defender> {
  const [port = 0] = await freePorts(1);
  const path = join(options.directory, 'haproxy.cfg');
  writeFileSync(path, haproxyConfiguration(port, options.applicationPort));
  const child = spawn('haproxy', ['-db', '-f', path], { stdio: 'inherit' });
  const exit = once(child, 'exit');
  const failure = once(child, 'error').then(([error]) => {
    throw error;
  });
  const ends = exit.then(([code]) => {
    throw new Error(`HAProxy ended with ${code}`);
  });
  ends.catch(() => {});
  await Promise.race([until(() => accepts(port), 'HAProxy'), failure, ends]);
  return {
    pid: child.pid ?? 0,
    plainPort: port,
    trunkPort: 0,
    bystanderPorts: [port],
    get death() {
      return deathOf(child);
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await exit;
    },
  };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

function deathOf({ exitCode }: ChildProcess): string | undefined {
  return exitCode === null ? undefined : String(exitCode);
}

function haproxyConfiguration(port: number, applicationPort: number): string {
  return `
global
  nbthread 1
  maxconn 9900
defaults
  mode http
  timeout client 1h
  timeout server 1h
  timeout connect 5s
  timeout http-request 60s
frontend flooded
  bind 127.0.0.1:${port}
  default_backend application
backend application
  server application 127.0.0.1:${applicationPort}
`;
}
