import type { ResponseTimes } from './response-times.ts';

/** How often the percentile is looked up. */
const REFRESH_MS = 1_000;

/** How long a request waits for a response before it is sent to a second endpoint too. */
export class HedgeDelay {
  readonly #times: ResponseTimes;
  readonly #percentile: number;
  readonly #leastMs: number;
  #delayMs: number | undefined;
  #freshUntilMs = 0;

  constructor(times: ResponseTimes, percentile: number, leastMs: number) {
    this.#times = times;
    this.#percentile = percentile;
    this.#leastMs = leastMs;
  }

  /** What was looked up last. */
  get lastMs(): number | undefined {
    return this.#delayMs;
  }

  /** Undefined while too little is known: then nothing is sent twice. */
  at(nowMs: number): number | undefined {
    if (nowMs < this.#freshUntilMs) return this.#delayMs;
    const known = this.#times.percentile(this.#percentile, nowMs);
    this.#delayMs = known === undefined ? undefined : Math.max(known, this.#leastMs);
    if (known !== undefined) this.#freshUntilMs = nowMs + REFRESH_MS;
    return this.#delayMs;
  }
}
