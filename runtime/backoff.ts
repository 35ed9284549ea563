/**
 * Delays between attempts that double up to a limit, each drawn at random from
 * the upper half of its span ("equal jitter"), so that a thousand sidecars that
 * lost the same server do not return in step.
 */
export class Backoff {
  readonly #baseMs: number;
  readonly #maxMs: number;
  readonly #random: () => number;
  #failures = 0;

  constructor(options: { baseMs: number; maxMs: number; random?: () => number }) {
    this.#baseMs = options.baseMs;
    this.#maxMs = options.maxMs;
    this.#random = options.random ?? Math.random;
  }

  /** How long to wait before the next attempt. */
  nextMs(): number {
    const spanMs = Math.min(this.#maxMs, this.#baseMs * 2 ** this.#failures);
    if (spanMs < this.#maxMs) this.#failures += 1;
    return spanMs / 2 + (this.#random() * spanMs) / 2;
  }

  /** After a success: start from the base again. */
  reset(): void {
    this.#failures = 0;
  }
}
