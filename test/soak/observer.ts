import { setTimeout as delay } from 'node:timers/promises';
import { CLIENT, type ProtocolMesh } from '../protocols/protocol-mesh.ts';
import type { Series } from './judge.ts';
import { type Sample, takeSample } from './sample.ts';

/** One process that is watched. */
interface Watched {
  readonly name: string;
  readonly pid: number;
  /** Of a sidecar: its pod's Deployment, and which of the pods. */
  readonly sidecar: { readonly workload: string; readonly index: number } | undefined;
  base: Sample | undefined;
  readonly samples: Sample[];
  idle: Sample | undefined;
}

const SAMPLE_MS = 5_000;

/** Looks at the processes of a mesh, again and again. */
export class Observer {
  readonly #mesh: ProtocolMesh;
  readonly #watched: Watched[];
  readonly #startedMs = performance.now();
  #running = false;
  #over: Promise<void> | undefined;

  constructor(mesh: ProtocolMesh, watched: Watched[]) {
    this.#mesh = mesh;
    this.#watched = watched;
  }

  /** @param workloads whose sidecars are watched, besides the client's and the control plane */
  static async of(mesh: ProtocolMesh, workloads: readonly string[]): Promise<Observer> {
    const watched: Watched[] = [];
    const watch = (name: string, pid: number, sidecar?: Watched['sidecar']): void => {
      watched.push({ name, pid, sidecar, base: undefined, samples: [], idle: undefined });
    };
    for (const workload of [CLIENT, ...workloads]) {
      const pids = await mesh.pids(workload, 'remora-proxy');
      for (const [index, pid] of pids.entries()) {
        watch(`sidecar of ${workload}-${index + 1}`, pid, { workload, index });
      }
    }
    watch('control plane', mesh.ownPid('control-plane/main.ts'));
    return new Observer(mesh, watched);
  }

  get seconds(): number {
    return (performance.now() - this.#startedMs) / 1000;
  }

  async takeBase(): Promise<void> {
    for (const [one, sample] of await this.#look()) one.base = sample;
  }

  start(): void {
    this.#running = true;
    this.#over = (async () => {
      while (this.#running) {
        for (const [one, sample] of await this.#look()) one.samples.push(sample);
        await delay(SAMPLE_MS);
      }
    })();
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#over;
  }

  /** Looks until everything is as before the load, or time is up. */
  async untilIdle(isIdle: (series: Series) => boolean, timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    do {
      await delay(SAMPLE_MS);
      for (const [one, sample] of await this.#look()) one.idle = sample;
    } while (performance.now() < deadline && !this.series.every(isIdle));
  }

  get series(): Series[] {
    return this.#watched.flatMap(({ name, base, samples, idle }) =>
      base === undefined || idle === undefined ? [] : [{ name, base, samples, idle }],
    );
  }

  async #look(): Promise<[Watched, Sample][]> {
    const metrics = new Map<string, string[]>();
    for (const { sidecar } of this.#watched) {
      if (sidecar === undefined || metrics.has(sidecar.workload)) continue;
      metrics.set(sidecar.workload, await this.#mesh.metrics(sidecar.workload));
    }
    const { seconds } = this;
    return this.#watched.map((one) => {
      const text = one.sidecar && metrics.get(one.sidecar.workload)?.[one.sidecar.index];
      return [one, takeSample(one.pid, seconds, text)];
    });
  }
}
