import { mkdir } from 'node:fs/promises';
import { CONTAINER } from '../proto/well-known.ts';
import { describeError, MeshError } from '../runtime/errors.ts';
import type { ContainerProcess } from './container.ts';
import { SIDECAR_IMAGE } from './image-folders.ts';
import type { PodNetwork } from './local-node.ts';
import type { Container, Pod } from './objects.ts';
import { PodContainers, type PodSurroundings } from './pod-containers.ts';
import { newPod, type PodPhase, podWithStatus } from './pod-object.ts';
import { askProbe, ProbeLoop, type ProbeTarget } from './probe.ts';
import type { Problem } from './problems.ts';
import type { ServedPod } from './services.ts';
import { injectSidecar } from './sidecar-injection.ts';
import type { Workload } from './workloads.ts';

/** Time for everybody to learn that a pod goes, before it does. */
const FAREWELL_MS = 500;

/**
 * One pod: its network, its init containers, the sidecar, the application.
 *
 * Starts as the kubelet would: rules, sidecar, and once that is ready the
 * application. Ends in reverse: the application first, then the sidecar.
 */
export class LocalPod {
  readonly name: string;
  readonly namespace: string;
  readonly workload: Workload;
  readonly createdMs = performance.now();
  phase: PodPhase = 'Pending';
  injected = false;
  readonly #surroundings: PodSurroundings;
  #object: Pod;
  #network: PodNetwork | undefined;
  /** Init containers that stay: the sidecar among them. In the order of their start. */
  readonly #sidecars: ContainerProcess[] = [];
  readonly #applications: ContainerProcess[] = [];
  #initial: ContainerProcess | undefined;
  readonly #probes: ProbeLoop[] = [];
  /** Containers whose readiness probe does not hold. */
  readonly #unready = new Set<string>();
  /** By container. */
  readonly #readiness = new Map<string, ProbeLoop>();
  readonly #problems = new Set<string>();
  #deletedAt: string | undefined;
  #stopped: Promise<void> | undefined;

  constructor(workload: Workload, name: string, surroundings: PodSurroundings) {
    this.workload = workload;
    this.name = name;
    this.namespace = workload.namespace;
    this.#surroundings = surroundings;
    this.#object = newPod(workload, name, {});
  }

  get terminating(): boolean {
    return this.#deletedAt !== undefined;
  }

  get ended(): boolean {
    return this.phase === 'Succeeded' || this.phase === 'Failed';
  }

  get ready(): boolean {
    const all = [...this.#sidecars, ...this.#applications];
    return (
      this.phase === 'Running' &&
      this.#unready.size === 0 &&
      all.every((container) => container.state.kind === 'running')
    );
  }

  get containers(): readonly ContainerProcess[] {
    const initial = this.#initial === undefined ? [] : [this.#initial];
    return [...initial, ...this.#sidecars, ...this.#applications];
  }

  get address(): string {
    return this.#network?.address ?? '';
  }

  get problems(): Problem[] {
    const where = `Pod ${this.namespace}/${this.name}`;
    return [...this.#problems].map((message) => ({ where, message }));
  }

  /** For services; undefined while it has no address, or has it no more. */
  get served(): ServedPod | undefined {
    const network = this.#network;
    if (network === undefined || this.ended) return undefined;
    const { spec, metadata } = this.#object;
    const namedPorts = new Map<string, number>();
    for (const container of [...(spec.initContainers ?? []), ...spec.containers]) {
      for (const port of container.ports ?? []) {
        if (port.name !== undefined) namedPorts.set(port.name, port.containerPort);
      }
    }
    return {
      name: this.name,
      namespace: this.namespace,
      labels: metadata.labels ?? {},
      address: network.address,
      hostname: spec.hostname ?? '',
      subdomain: spec.subdomain ?? '',
      ready: this.ready,
      terminating: this.terminating,
      namedPorts,
      realPort: (port) => network.realPort(port),
    };
  }

  /** The pod as the control plane reads it; undefined while it has no address. */
  get published(): object | undefined {
    if (this.#network === undefined) return undefined;
    return podWithStatus(this.#object, {
      phase: this.phase,
      address: this.#network.address,
      hostAddress: this.#surroundings.node.address,
      ready: this.ready,
      deletedAt: this.#deletedAt,
    });
  }

  /** Returns when the application was started, or the pod has failed. Never rejects. */
  async start(): Promise<void> {
    try {
      await this.#start();
    } catch (error) {
      if (this.terminating) return;
      this.#problem(describeError(error));
      this.phase = 'Failed';
      this.#surroundings.onChange();
    }
  }

  async #start(): Promise<void> {
    const { node, state, namespaceLabels, injection, onChange } = this.#surroundings;
    const folder = state.pod(this.namespace, this.name);
    await mkdir(folder, { recursive: true });
    const { name, namespace } = this;
    const network = await node.createNetwork({ pod: this.#object, name, namespace, folder });
    const plain = newPod(this.workload, name, network.annotations);
    const result = injectSidecar(plain, namespaceLabels(namespace), injection);
    if (result.kind === 'refused') throw new MeshError('pod-refused', result.message);
    if (result.kind === 'left-alone') for (const warning of result.warnings) this.#problem(warning);
    this.#object = result.pod;
    this.injected = result.kind === 'injected';
    await network.start();
    this.#network = network;
    const containers = new PodContainers(this.#surroundings, this.#object, network, this.injected);
    if (this.injected) await containers.writeCredentials();
    onChange();
    for (const container of this.#object.spec.initContainers ?? []) {
      if (this.terminating) return;
      await this.#startInitContainer(container, containers, network);
    }
    if (this.terminating) return;
    this.phase = 'Running';
    for (const container of this.#object.spec.containers) {
      if (container.readinessProbe !== undefined) this.#unready.add(container.name);
      const process = containers.process(
        container,
        this.#object.spec.restartPolicy,
        this.#containerChanged,
      );
      this.#applications.push(process);
    }
    for (const [index, process] of this.#applications.entries()) {
      process.start();
      const container = this.#object.spec.containers[index];
      if (container !== undefined) this.#watch(container, process, containers.target(container));
    }
    onChange();
  }

  /**
   * Ends the pod in its order. Further calls wait for the same end.
   *
   * @param patience when given, everything ends, and nobody needs to be told first;
   * aborted, it cuts
   */
  stop(patience?: AbortSignal): Promise<void> {
    this.#deletedAt ??= new Date().toISOString();
    this.#stopped ??= this.#stop(patience);
    return this.#stopped;
  }

  async #stop(patience: AbortSignal | undefined): Promise<void> {
    this.#surroundings.onChange();
    if (this.phase === 'Running' && patience === undefined) await pause(FAREWELL_MS);
    const graceMs = (this.#object.spec.terminationGracePeriodSeconds ?? 30) * 1000;
    for (const probe of this.#probes) probe.stop();
    await this.#initial?.stop(graceMs, patience);
    await Promise.all(this.#applications.map((process) => process.stop(graceMs, patience)));
    await this.#release(graceMs, patience);
  }

  /** The application is gone: its sidecars follow, last started first, then the network. */
  async #release(graceMs: number, patience?: AbortSignal): Promise<void> {
    for (const process of [...this.#sidecars].reverse()) await process.stop(graceMs, patience);
    const network = this.#network;
    await network?.stop();
  }

  async #startInitContainer(
    container: Container,
    containers: PodContainers,
    network: PodNetwork,
  ): Promise<void> {
    const onChange = this.#containerChanged;
    if (container.name === CONTAINER.init && container.image === SIDECAR_IMAGE) {
      if (!network.intercepts) return;
    }
    if (container.restartPolicy === 'Always') {
      if (container.readinessProbe !== undefined) this.#unready.add(container.name);
      const process = containers.process(container, 'Always', onChange);
      this.#sidecars.push(process);
      process.start();
      await this.#untilStarted(container, process, containers.target(container));
      this.#watch(container, process, containers.target(container));
      return;
    }
    const policy = this.#object.spec.restartPolicy === 'Never' ? 'Never' : 'OnFailure';
    const process = containers.process(container, policy, onChange);
    this.#initial = process;
    process.start();
    while (process.state.kind !== 'ended' && !this.terminating) await pause(20);
    this.#initial = undefined;
    if (process.state.kind === 'ended' && process.state.exitCode !== 0 && !this.terminating) {
      throw new MeshError(
        'init-failed',
        `init container ${container.name} ended with status ${process.state.exitCode}; see ${process.logPath}`,
      );
    }
  }

  /** Waits for the startup probe. */
  async #untilStarted(
    container: Container,
    process: ContainerProcess,
    target: ProbeTarget,
  ): Promise<void> {
    const probe = container.startupProbe;
    if (probe === undefined) return;
    while (!this.terminating) {
      const running = process.state.kind === 'running';
      if (running && (await askProbe(probe, target))) return;
      await pause(100);
    }
  }

  /** Readiness and liveness, as far as the container asks for them. */
  #watch(container: Container, process: ContainerProcess, target: ProbeTarget): void {
    const { readinessProbe, livenessProbe } = container;
    if (readinessProbe !== undefined) {
      const loop = this.#probe(readinessProbe, target, (holds) => {
        if (holds) this.#unready.delete(container.name);
        else this.#unready.add(container.name);
        this.#surroundings.onChange();
      });
      this.#readiness.set(container.name, loop);
    }
    if (livenessProbe !== undefined) {
      this.#probe(livenessProbe, target, (holds) => {
        if (!holds) process.kill('SIGTERM');
      });
    }
  }

  #probe(...args: ConstructorParameters<typeof ProbeLoop>): ProbeLoop {
    const loop = new ProbeLoop(...args);
    this.#probes.push(loop);
    loop.start();
    return loop;
  }

  readonly #containerChanged = (container: ContainerProcess): void => {
    const readiness = this.#readiness.get(container.name);
    if (readiness !== undefined) {
      // What is started again has to show again that it is ready.
      this.#unready.add(container.name);
      readiness.restart();
    }
    const ended = this.#applications.map(({ state }) =>
      state.kind === 'ended' ? state.exitCode : undefined,
    );
    const codes = ended.filter((code) => code !== undefined);
    if (ended.length > 0 && codes.length === ended.length && !this.terminating && !this.ended) {
      this.phase = codes.every((code) => code === 0) ? 'Succeeded' : 'Failed';
      for (const probe of this.#probes) probe.stop();
      // A Job's sidecar ends with it.
      this.#release(10_000).catch((error: unknown) => this.#problem(describeError(error)));
    }
    this.#surroundings.onChange();
  };

  #problem(message: string): void {
    this.#problems.add(message);
  }
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}
