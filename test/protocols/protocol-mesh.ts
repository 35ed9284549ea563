import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { findMode } from '../../local/capability.ts';
import { CHECKOUT } from '../../local/image-folders.ts';
import type { LocalStatus } from '../../local/view/status.ts';
import { PORT } from '../../proto/well-known.ts';
import { eventually, LocalMesh, processesOf, TestFolder } from '../local/local-mesh.ts';
import { MeshProcesses } from './mesh-processes.ts';
import { NamespaceShell } from './namespace-shell.ts';

const FOLDER = join(CHECKOUT, 'test/protocols');
/** Namespace of everything that is in the mesh. */
export const NAMESPACE = 'protocols';
/** The pod from which clients call. */
export const CLIENT = 'client';

/** What is read of an object in a manifest. */
interface ManifestObject {
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

/** Why the suites cannot run here; undefined when they can. */
export async function missingForMesh(): Promise<string | undefined> {
  const mode = await findMode(false);
  return mode.kind === 'namespaces' ? undefined : mode.reasons.join('; ');
}

/** A local mesh with one client, to which servers come and go. */
export class ProtocolMesh {
  readonly folder = new TestFolder();
  readonly #mesh: LocalMesh;
  readonly #staged = new Map<string, ManifestObject[]>();
  #processes: MeshProcesses | undefined;

  /** Starts at once; `ready` waits. */
  constructor() {
    mkdirSync(this.files);
    symlinkSync(join(FOLDER, 'programs'), join(this.files, 'programs'));
    this.folder.withFolder(join(FOLDER, 'mesh'), { protocols: this.files });
    this.#mesh = new LocalMesh(this.folder);
  }

  /** Puts a manifest in, of `manifests/` unless its path is whole, and does not wait. */
  stage(name: string): void {
    const text = readFileSync(resolve(FOLDER, 'manifests', name), 'utf8');
    this.write(basename(name), text);
    const objects = parseAllDocuments(text).map((document) => document.toJS());
    this.#staged.set(name, objects);
  }

  /** Returns when the client, and all that was staged, can be used. */
  async ready(): Promise<void> {
    await this.#untilReady();
    this.#processes = new MeshProcesses(this.folder);
    await this.#untilKnown();
  }

  /** The folder that pods have as `/app`: the programs, and what servers keep on disk. */
  get files(): string {
    return join(this.folder.path, 'files');
  }

  /** Everything ends, and nothing is left. */
  async end(): Promise<void> {
    await this.#mesh.end();
    this.folder.remove();
  }

  /**
   * Runs one manifest of `manifests/` in place of all others, and waits until its
   * pods are ready and the client's sidecar knows its services.
   */
  async apply(name: string): Promise<void> {
    if (this.#staged.has(name)) return;
    for (const other of this.#staged.keys()) this.remove(other);
    this.#staged.clear();
    this.stage(name);
    await this.#untilReady();
    await this.#untilKnown();
  }

  /** Writes a manifest, as an editor would, and does not wait. */
  write(name: string, text: string): void {
    writeFileSync(join(this.folder.manifests, name), text);
  }

  remove(name: string): void {
    rmSync(join(this.folder.manifests, name));
  }

  async status(): Promise<LocalStatus> {
    return await this.#mesh.status();
  }

  /** The pods of a Deployment, by the number of a process of theirs that runs. */
  async pids(workload: string, container: string): Promise<number[]> {
    const { pods } = await this.status();
    return pods
      .filter((pod) => pod.workload === workload && !pod.terminating)
      .flatMap((pod) => pod.containers)
      .filter(({ name }) => name === container)
      .flatMap(({ pid }) => (pid === undefined ? [] : (this.#known.outerPid(pid) ?? [])));
  }

  /** A process of local mode itself, by what its command line holds. */
  ownPid(command: string): number {
    const found = processesOf(this.folder).find(
      (one) => one.command.includes(command) && this.#known.has(one.pid),
    );
    if (found === undefined) throw new Error(`the mesh runs no ${command}`);
    return found.pid;
  }

  /** The first pod of a Deployment. */
  async shell(workload: string): Promise<NamespaceShell> {
    const { pods } = await this.status();
    const pod = pods.find((one) => one.workload === workload && !one.terminating);
    const inner = pod?.containers.find((one) => one.pid !== undefined)?.pid;
    const pid = inner === undefined ? undefined : this.#known.outerPid(inner);
    if (pid === undefined) throw new Error(`no pod of ${workload} runs`);
    return new NamespaceShell(pid);
  }

  /** The Deployments of servers. */
  get servers(): string[] {
    return this.#objects('Deployment').map(({ metadata }) => metadata.name);
  }

  /** What the sidecar of each pod of a Deployment counts. */
  async metrics(workload: string): Promise<string[]> {
    const pids = await this.pids(workload, 'remora-proxy');
    return await Promise.all(
      pids.map((pid) => this.#ask(new NamespaceShell(pid), PORT.health, '/metrics')),
    );
  }

  async #untilReady(): Promise<void> {
    const names = this.servers;
    await this.#mesh.until(names.join(', '), ({ pods }) => {
      const lasting = pods.filter(({ terminating }) => !terminating);
      return [CLIENT, ...names].every((name) => {
        const own = lasting.filter(({ workload }) => workload === name);
        return own.length > 0 && own.every(({ ready }) => ready);
      });
    });
  }

  async #untilKnown(): Promise<void> {
    const names = this.#objects('Service').map(({ metadata }) => `${NAMESPACE}/${metadata.name}`);
    const client = await this.shell(CLIENT);
    await eventually(
      async () => {
        // It may be about to start.
        const dump = await this.#ask(client, PORT.admin, '/config_dump').catch(() => '');
        return names.every((name) => dump.includes(name));
      },
      () => `${names.join(', ')} in the client's sidecar`,
    );
  }

  #objects(kind: string): ManifestObject[] {
    return [...this.#staged.values()].flat().filter((object) => object.kind === kind);
  }

  async #ask(shell: NamespaceShell, port: number, path: string): Promise<string> {
    const program = join(FOLDER, 'programs/print-url.ts');
    return await shell.output(process.execPath, [program, `http://127.0.0.1:${port}${path}`]);
  }

  get #known(): MeshProcesses {
    if (this.#processes === undefined) throw new Error('the mesh is not ready');
    return this.#processes;
  }
}
