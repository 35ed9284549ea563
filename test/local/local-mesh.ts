import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { askControlApi } from '../../local/control-api.ts';
import { CHECKOUT } from '../../local/image-folders.ts';
import { StateFolder } from '../../local/state-folder.ts';
import type { ContainerStatus, LocalStatus } from '../../local/view/status.ts';

/** One call that a caller of the tests has made. */
export interface Call {
  readonly url: string;
  readonly startedMs: number;
  readonly status: number;
  readonly body: string;
}

/** A folder of its own for one test: what is run, and the state. With a space, which paths may have. */
export class TestFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'remora test '));

  constructor() {
    // Another user may be the one who runs it.
    chmodSync(this.path, 0o777);
  }

  get manifests(): string {
    return join(this.path, 'manifests');
  }

  get state(): StateFolder {
    return new StateFolder(join(this.path, 'state'));
  }

  /** The quickstart, with the callers of the tests among it. */
  withQuickstart(): this {
    cpSync(join(CHECKOUT, 'examples/quickstart'), this.path, { recursive: true });
    cpSync(
      join(CHECKOUT, 'test/local/manifests/callers.yaml'),
      join(this.manifests, 'callers.yaml'),
    );
    // Two visitors of the demo would only cost time here.
    rmSync(join(this.manifests, 'visitors.yaml'));
    return this.#withPrograms();
  }

  /** One caller in the mesh and nothing else. */
  withManifest(text: string): this {
    cpSync(join(CHECKOUT, 'examples/quickstart/local.yaml'), join(this.path, 'local.yaml'));
    cpSync(
      join(CHECKOUT, 'examples/quickstart/manifests/namespaces.yaml'),
      join(this.manifests, 'namespaces.yaml'),
    );
    writeFileSync(join(this.manifests, 'test.yaml'), text);
    return this.#withPrograms();
  }

  /**
   * Manifests of a folder, and programs that stay where they are.
   *
   * @param images folders by the name of the image for which they stand, all at `/app`
   */
  withFolder(manifests: string, images: Readonly<Record<string, string>>): this {
    cpSync(manifests, this.manifests, { recursive: true });
    return this.withImages(images, '/app');
  }

  /** @param mountPath where the images have their folders */
  withImages(images: Readonly<Record<string, string>>, mountPath: string): this {
    const entries = Object.entries(images).map(([name, folder]) => [name, { folder, mountPath }]);
    const local = { manifests: 'manifests', images: Object.fromEntries(entries) };
    // JSON is YAML.
    writeFileSync(join(this.path, 'local.yaml'), JSON.stringify(local));
    return this;
  }

  /** Changes a manifest as an editor would. */
  edit(name: string, change: (text: string) => string): void {
    const path = join(this.manifests, name);
    writeFileSync(path, change(readFileSync(path, 'utf8')));
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  #withPrograms(): this {
    cpSync(join(CHECKOUT, 'test/local/programs'), join(this.path, 'test-programs'), {
      recursive: true,
    });
    const path = join(this.path, 'local.yaml');
    const images = '  test-programs:\n    folder: test-programs\n    mountPath: /programs\n';
    writeFileSync(path, `${readFileSync(path, 'utf8')}${images}`);
    return this;
  }
}

/** `npm start` as a test drives it. */
export class LocalMesh {
  readonly folder: TestFolder;
  readonly process: ChildProcess;
  output = '';

  /** @param as runs it as another user: a command that stands before */
  constructor(folder: TestFolder, args: readonly string[] = [], as: readonly string[] = []) {
    this.folder = folder;
    const main = join(CHECKOUT, 'local/main.ts');
    const own = [main, folder.path, '--plain', '--state', folder.state.path, ...args];
    const [command = process.execPath, ...rest] = [...as, process.execPath, ...own];
    const { INIT_CWD: _, ...env } = process.env;
    this.process = spawn(command, rest, {
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: folder.path,
      env,
    });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
      });
    }
  }

  async status(): Promise<LocalStatus> {
    return (await askControlApi(this.folder.state.socket, 'GET', '/status')) as LocalStatus;
  }

  async controlPlane(verb: 'stop' | 'start'): Promise<void> {
    await askControlApi(this.folder.state.socket, 'POST', `/control-plane/${verb}`);
  }

  /** Asks again and again until the status is as wanted. */
  async until(
    what: string,
    holds: (status: LocalStatus) => boolean,
    timeoutMs = 45_000,
  ): Promise<LocalStatus> {
    let last: LocalStatus | undefined;
    await eventually(
      async () => {
        last = await this.status().catch(() => undefined);
        return last !== undefined && holds(last);
      },
      () => `${what}; it says:\n${JSON.stringify(last, null, 1) ?? this.output}`,
      timeoutMs,
    );
    if (last === undefined) throw new Error(what);
    return last;
  }

  /** What a caller has printed so far, the newest last. */
  async calls(workload: string, url: string, sinceMs = 0): Promise<Call[]> {
    const container = await this.container(workload, 'caller');
    return readFileSync(container.log, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line): Call => JSON.parse(line))
      .filter((call) => call.url.startsWith(url) && call.startedMs >= sinceMs);
  }

  async container(workload: string, name: string): Promise<ContainerStatus> {
    const { pods } = await this.status();
    const pod = pods.find((one) => one.workload === workload && !one.terminating);
    const container = pod?.containers.find((one) => one.name === name);
    if (container === undefined) throw new Error(`there is no ${name} of ${workload}`);
    return container;
  }

  /** Waits for calls made from now on that all went well. */
  async callsWell(workload: string, url: string, count = 5): Promise<Call[]> {
    const sinceMs = Date.now();
    let calls: Call[] = [];
    await eventually(
      async () => {
        calls = (await this.calls(workload, url, sinceMs)).slice(-count);
        return calls.length === count && calls.every((call) => call.status === 200);
      },
      () => `${count} good calls of ${url} by ${workload}; there were:\n${JSON.stringify(calls)}`,
    );
    return calls;
  }

  /** Sends a signal to the launcher, as a terminal does, and waits for its end. */
  async end(signal: NodeJS.Signals = 'SIGINT'): Promise<number | null> {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      const ended = once(this.process, 'exit');
      this.process.kill(signal);
      await ended;
    }
    return this.process.exitCode;
  }
}

/** Polls until something is so. */
export async function eventually(
  holds: () => Promise<boolean> | boolean,
  what: () => string,
  timeoutMs = 30_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`in vain: ${what()}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** A process of this machine whose command line or variables name a folder. */
export interface FoundProcess {
  readonly pid: number;
  readonly command: string;
  readonly variables: string;
}

/** All processes that belong to a test's folder, in whatever namespace. */
export function processesOf(folder: TestFolder): FoundProcess[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) return [];
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
      const variables = readFileSync(`/proc/${name}/environ`, 'utf8').replaceAll('\0', '\n');
      const ours = command.includes(folder.path) || variables.includes(folder.path);
      return ours ? [{ pid: Number(name), command, variables }] : [];
    } catch {
      // It ended while we looked.
      return [];
    }
  });
}
