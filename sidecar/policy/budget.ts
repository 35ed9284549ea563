import type { Clock } from '../../runtime/clock.ts';

/** Requests are counted in this many slots of one second each. */
const SLOTS = 10;

/**
 * Keeps retries, and second tries beside the first, from multiplying the load on a
 * service that is already failing: over the last ten seconds, they may be a share of
 * the requests, but always a few a second, where the policy likes, so that services
 * with little traffic have them at all.
 *
 * Limits come with each question, because a configuration may change them while
 * the counts go on.
 */
export class RetryBudget {
  readonly #clock: Clock;
  readonly #requests = new Float64Array(SLOTS);
  readonly #retries = new Float64Array(SLOTS);
  #second: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#second = Math.floor(clock.monotonicMs() / 1000);
  }

  countRequest(): void {
    const slot = this.#advance();
    this.#requests[slot] = (this.#requests[slot] ?? 0) + 1;
  }

  /** True takes one retry out of the budget. */
  tryTake(percent: number, minPerSecond: number): boolean {
    const slot = this.#advance();
    const allowed = Math.max((sum(this.#requests) * percent) / 100, minPerSecond * SLOTS);
    if (sum(this.#retries) + 1 > allowed) return false;
    this.#retries[slot] = (this.#retries[slot] ?? 0) + 1;
    return true;
  }

  /** Clears the slots of the seconds that passed; returns the present one. */
  #advance(): number {
    const now = Math.floor(this.#clock.monotonicMs() / 1000);
    const passed = Math.min(now - this.#second, SLOTS);
    for (let i = 0; i < passed; i++) {
      const slot = (now - i) % SLOTS;
      this.#requests[slot] = 0;
      this.#retries[slot] = 0;
    }
    this.#second = now;
    return now % SLOTS;
  }
}

function sum(slots: Float64Array): number {
  let total = 0;
  for (const count of slots) total += count;
  return total;
}
