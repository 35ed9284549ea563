import type { Clock, Timer } from '../../runtime/clock.ts';

/** Who waits for the same thing: first come, first served, each with a limit to its patience. */
export class WaitingLine<T> {
  readonly #clock: Clock;
  /** In the order of arrival, as maps keep it. */
  readonly #timers = new Map<T, Timer | undefined>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#timers.size;
  }

  /** In the order of arrival. Any of them may leave meanwhile. */
  items(): Iterable<T> {
    return this.#timers.keys();
  }

  /** Who came first. */
  get first(): T | undefined {
    for (const item of this.#timers.keys()) return item;
    return undefined;
  }

  /**
   * @param limitMs 0 means no limit
   * @param onLimit called after the item has left the line
   */
  add(item: T, limitMs: number, onLimit: () => void): void {
    const timer =
      limitMs === 0
        ? undefined
        : this.#clock.setTimeout(() => {
            this.#timers.delete(item);
            onLimit();
          }, limitMs);
    this.#timers.set(item, timer);
  }

  remove(item: T): void {
    this.#timers.get(item)?.cancel();
    this.#timers.delete(item);
  }
}
