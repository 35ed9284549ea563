import { Registry } from 'prom-client';
import { Backoff } from '../../runtime/backoff.ts';
import { type Clock, systemClock } from '../../runtime/clock.ts';
import type { Component } from '../../runtime/component.ts';
import { describeError } from '../../runtime/errors.ts';
import type { Log } from '../../runtime/log.ts';
import type { Collection } from '../collections/collection.ts';
import { SourceCollection } from '../collections/source-collection.ts';
import { Turn } from '../collections/turn.ts';
import type { KubernetesApi } from './kubernetes-api.ts';
import { REFLECTOR_TIMES, Reflector, type ReflectorTimes } from './reflector.ts';
import type { KubernetesObject, ResourceProblem, ResourceSource, WatchedKind } from './source.ts';
import { WatchMetrics } from './watch-metrics.ts';

export interface KubernetesSourceOptions {
  readonly api: KubernetesApi;
  readonly log: Log;
  readonly clock?: Clock;
  /** Gets the `remora_watch_*` metrics. */
  readonly registry?: Registry;
  readonly times?: Partial<ReflectorTimes>;
  readonly backoff?: { readonly baseMs: number; readonly maxMs: number };
}

/** Resources from a Kubernetes API, one reflector a kind. */
export class KubernetesSource implements ResourceSource, Component {
  readonly name = 'kubernetes-source';
  readonly problems: SourceCollection<ResourceProblem>;
  readonly #options: KubernetesSourceOptions;
  readonly #turn: Turn;
  readonly #metrics: WatchMetrics;
  readonly #reflectors: { start(): void; stop(): Promise<void> }[] = [];

  constructor(options: KubernetesSourceOptions) {
    this.#options = options;
    this.#turn = new Turn((collection, key, error) =>
      options.log.error({ collection, key, error: describeError(error) }, 'derivation failed'),
    );
    this.#metrics = new WatchMetrics(options.registry ?? new Registry());
    this.problems = new SourceCollection('problems', this.#turn);
    this.problems.markSynced();
  }

  collection<T extends KubernetesObject>(kind: WatchedKind<T>): Collection<T> {
    const { api, log } = this.#options;
    const objects = new SourceCollection<T>(`${kind.apiVersion}/${kind.plural}`, this.#turn);
    this.#reflectors.push(
      new Reflector({
        kind,
        api,
        objects,
        problems: this.problems,
        metrics: this.#metrics,
        backoff: new Backoff(this.#options.backoff ?? { baseMs: 200, maxMs: 30_000 }),
        clock: this.#options.clock ?? systemClock,
        log,
        times: { ...REFLECTOR_TIMES, ...this.#options.times },
      }),
    );
    return objects;
  }

  /** Begins to watch; the collections say when they are synced. */
  start(): void {
    for (const reflector of this.#reflectors) reflector.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#reflectors.map((reflector) => reflector.stop()));
  }
}
