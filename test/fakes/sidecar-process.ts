import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { SIDECAR_NODE_FLAGS } from '../../injector/container.ts';
import { until } from './until.ts';

const MAIN = fileURLToPath(new URL('../../sidecar/main.ts', import.meta.url));

/** Ports that are free now, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}

/** A sidecar as a process of its own, with what it logged. */
export class SidecarProcess implements AsyncDisposable {
  /** Those in JSON. */
  readonly lines: Record<string, unknown>[] = [];
  /** Those in any other form. */
  readonly texts: string[] = [];
  readonly adminPort: number;
  readonly healthPort: number;
  exitCode: number | null | undefined;
  readonly #child: ChildProcess;

  constructor(
    ports: { admin: number; health: number },
    environment: Readonly<Record<string, string>>,
    options: { readonly isRead?: boolean } = {},
  ) {
    this.adminPort = ports.admin;
    this.healthPort = ports.health;
    this.#child = spawn(process.execPath, [...SIDECAR_NODE_FLAGS, MAIN], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        PATH: process.env.PATH,
        REMORA_ADMIN_ADDRESS: `127.0.0.1:${ports.admin}`,
        REMORA_HEALTH_ADDRESS: `127.0.0.1:${ports.health}`,
        ...environment,
      },
    });
    if (options.isRead !== false) this.read();
    this.#child.on('exit', (code) => {
      this.exitCode = code;
    });
  }

  /** Begins to read what it writes. */
  read(): void {
    let text = '';
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk;
      const lines = text.split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) {
        if (line.startsWith('{')) this.lines.push(JSON.parse(line));
        else this.texts.push(line);
      }
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Status and body of a path of the health port; status 0 when nobody answers. */
  async health(path: string): Promise<{ status: number; body: string }> {
    return ask(`http://127.0.0.1:${this.healthPort}${path}`);
  }

  async admin(path: string): Promise<{ status: number; body: string }> {
    return ask(`http://127.0.0.1:${this.adminPort}${path}`);
  }

  async ready(): Promise<void> {
    await until(
      async () => this.exitCode !== undefined || (await this.health('/ready')).status === 200,
      'readiness',
      20_000,
    );
    if (this.exitCode !== undefined) throw new Error(`ended: ${JSON.stringify(this.lines)}`);
  }

  /** The first line with this message, present or future. */
  async logged(message: string): Promise<Record<string, unknown>> {
    return until(() => this.lines.find(({ msg }) => msg === message), `the log line "${message}"`);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async exited(): Promise<number | null> {
    await until(() => this.exitCode !== undefined, 'the end of the process', 30_000);
    return this.exitCode ?? null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill('SIGKILL');
    await this.exited();
  }
}

async function ask(url: string): Promise<{ status: number; body: string }> {
  try {
    const response = await fetch(url);
    return { status: response.status, body: await response.text() };
  } catch {
    return { status: 0, body: '' };
  }
}
