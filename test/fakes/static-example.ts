import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePorts, SidecarProcess } from './sidecar-process.ts';
import { until } from './until.ts';

const EXAMPLE = fileURLToPath(new URL('../../examples/static-config/', import.meta.url));

/** The ports in the example's files. */
const EXAMPLE_PORTS = [17001, 17006, 17008, 17080, 17100];

/** `examples/static-config`, running on ports that are free: an application and two sidecars. */
export class StaticExample implements AsyncDisposable {
  readonly client: SidecarProcess;
  readonly server: SidecarProcess;
  /** The configuration of the client's sidecar. */
  readonly clientFile: string;
  readonly #directory: string;
  readonly #application: ChildProcess;
  readonly #ports: ReadonlyMap<number, number>;

  /** @param environment of both sidecars */
  static async start(environment: Readonly<Record<string, string>> = {}): Promise<StaticExample> {
    const example = new StaticExample(await freePorts(EXAMPLE_PORTS.length + 4), environment);
    await Promise.all([example.server.ready(), example.client.ready()]);
    await until(async () => (await example.ask(17080, '/')).status === 200, 'the application');
    return example;
  }

  private constructor(free: readonly number[], environment: Readonly<Record<string, string>>) {
    this.#ports = new Map(EXAMPLE_PORTS.map((number, i) => [number, free[i] ?? 0]));
    const [adminA = 0, healthA = 0, adminB = 0, healthB = 0] = free.slice(EXAMPLE_PORTS.length);
    this.#directory = mkdtempSync(join(tmpdir(), 'remora-static-'));
    execFileSync(process.execPath, [
      join(EXAMPLE, 'certificates.mjs'),
      join(this.#directory, 'certificates'),
    ]);
    const serverFile = this.#adapt('server.yaml');
    this.clientFile = this.#adapt('client.yaml');
    this.#application = spawn(process.execPath, [join(EXAMPLE, 'application.mjs')], {
      env: { ...process.env, PORT: String(this.port(17080)) },
      stdio: 'inherit',
    });
    this.server = new SidecarProcess(
      { admin: adminA, health: healthA },
      { ...environment, REMORA_STATIC_CONFIG: serverFile },
    );
    this.client = new SidecarProcess(
      { admin: adminB, health: healthB },
      { ...environment, REMORA_STATIC_CONFIG: this.clientFile },
    );
  }

  /** The example's port as it is in this run. */
  port(number: number): number {
    return this.#ports.get(number) ?? 0;
  }

  /** Status 0 when nobody answers. */
  async ask(number: number, path: string): Promise<{ status: number; text: string }> {
    try {
      const response = await fetch(`http://127.0.0.1:${this.port(number)}${path}`);
      return { status: response.status, text: await response.text() };
    } catch {
      return { status: 0, text: '' };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#application.kill('SIGKILL');
    await Promise.all([this.server[Symbol.asyncDispose](), this.client[Symbol.asyncDispose]()]);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** A file of the example with the ports of this run. */
  #adapt(name: string): string {
    const text = readFileSync(join(EXAMPLE, name), 'utf8');
    const path = join(this.#directory, name);
    writeFileSync(
      path,
      text.replace(/\b17\d{3}\b/g, (number) => String(this.port(Number(number)))),
    );
    return path;
  }
}
