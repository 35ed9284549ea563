import type { Clock } from '../../runtime/clock.ts';
import { RetryBudget } from './budget.ts';
import { ResponseTimes } from './response-times.ts';

/** What the policies of all routes to one cluster count together. It outlives configurations. */
export class SharedCounts {
  readonly retries: RetryBudget;
  readonly #clock: Clock;
  #hedges: HedgeCounts | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.retries = new RetryBudget(clock);
  }

  /** Made for the first policy that hedges. */
  get hedges(): HedgeCounts {
    this.#hedges ??= { budget: new RetryBudget(this.#clock), times: new ResponseTimes() };
    return this.#hedges;
  }
}

interface HedgeCounts {
  readonly budget: RetryBudget;
  /** Of requests that may be hedged. */
  readonly times: ResponseTimes;
}
