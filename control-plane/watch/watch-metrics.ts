import { Counter, Gauge, type Registry } from 'prom-client';

/** How well the watches are. */
export class WatchMetrics {
  readonly #lists: Counter;
  readonly #ends: Counter;
  readonly #events: Counter;
  readonly #listed: Gauge;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#lists = new Counter({
      name: 'remora_watch_lists_total',
      help: 'Full lists of a kind; resync="true" counts those after the first.',
      labelNames: ['kind', 'resync'],
      registers,
    });
    this.#ends = new Counter({
      name: 'remora_watch_ends_total',
      help: 'Watches that ended: in their time, as expired (410), or by a failure.',
      labelNames: ['kind', 'how'],
      registers,
    });
    this.#events = new Counter({
      name: 'remora_watch_events_total',
      help: 'Events received, by type.',
      labelNames: ['kind', 'type'],
      registers,
    });
    this.#listed = new Gauge({
      name: 'remora_watch_listed_objects',
      help: 'Objects after the last full list.',
      labelNames: ['kind'],
      registers,
    });
  }

  listed(kind: string, resync: boolean, objects: number): void {
    this.#lists.inc({ kind, resync: String(resync) });
    this.#listed.set({ kind }, objects);
  }

  watchEnded(kind: string, how: 'ended' | 'expired' | 'failed'): void {
    this.#ends.inc({ kind, how });
  }

  event(kind: string, type: string): void {
    this.#events.inc({ kind, type });
  }
}
