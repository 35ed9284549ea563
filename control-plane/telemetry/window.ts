/** Seconds over which rates are taken. */
export const WINDOW_SECONDS = 10;

/** Counters of an edge, in the order of their columns. */
export const COUNTERS = [
  'requests',
  'failures',
  'retries',
  'connections',
  'bytesSent',
  'bytesReceived',
] as const;
export type CounterName = (typeof COUNTERS)[number];

/** Buckets of durations: bucket i counts those below 2^i ms and not below the one before. */
export const BUCKETS = 24;

const COLUMNS = COUNTERS.length + BUCKETS;

/**
 * Sums over the last ten seconds: one row of counters for each second, of which
 * the oldest is used again.
 */
export class SlidingWindow {
  readonly #rows = new Float64Array(WINDOW_SECONDS * COLUMNS);
  #second = Number.NEGATIVE_INFINITY;
  #addedSecond = Number.NEGATIVE_INFINITY;

  add(second: number, counters: Readonly<Record<CounterName, number>>, buckets: readonly number[]) {
    this.#advance(second);
    this.#addedSecond = second;
    const row = (second % WINDOW_SECONDS) * COLUMNS;
    for (const [column, name] of COUNTERS.entries()) {
      this.#increase(row + column, counters[name]);
    }
    for (const [index, count] of buckets.slice(0, BUCKETS).entries()) {
      this.#increase(row + COUNTERS.length + index, count);
    }
  }

  /** True when nothing was added during the window. Asking for sums does not count. */
  isIdle(second: number): boolean {
    return second - this.#addedSecond >= WINDOW_SECONDS;
  }

  sums(second: number): { counters: Record<CounterName, number>; buckets: number[] } {
    this.#advance(second);
    const sum = (column: number): number => {
      let total = 0;
      for (let row = 0; row < WINDOW_SECONDS; row += 1) {
        total += this.#rows[row * COLUMNS + column] ?? 0;
      }
      return total;
    };
    const entries = COUNTERS.map((name, column) => [name, sum(column)] as const);
    return {
      counters: Object.fromEntries(entries) as Record<CounterName, number>,
      buckets: Array.from({ length: BUCKETS }, (_, index) => sum(COUNTERS.length + index)),
    };
  }

  /** Empties the rows of the seconds that have begun since. */
  #advance(second: number): void {
    const steps = Math.min(second - this.#second, WINDOW_SECONDS);
    for (let step = 0; step < steps; step += 1) {
      // The monotonic clock may begin near 0.
      const row = ((second - step + WINDOW_SECONDS) % WINDOW_SECONDS) * COLUMNS;
      this.#rows.fill(0, row, row + COLUMNS);
    }
    if (second > this.#second) this.#second = second;
  }

  #increase(index: number, by: number): void {
    if (by > 0) this.#rows[index] = (this.#rows[index] ?? 0) + by;
  }
}

/** The duration in ms below which a share of the requests stayed, interpolated in its bucket. */
export function quantileMs(buckets: readonly number[], share: number): number | undefined {
  const total = buckets.reduce((sum, count) => sum + count, 0);
  if (total === 0) return undefined;
  let rank = share * total;
  for (const [index, count] of buckets.entries()) {
    if (rank <= count) {
      const lowMs = index === 0 ? 0 : 2 ** (index - 1);
      return lowMs + ((2 ** index - lowMs) * rank) / count;
    }
    rank -= count;
  }
  return 2 ** (buckets.length - 1);
}
