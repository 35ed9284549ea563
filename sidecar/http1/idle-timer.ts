import type { Clock, Timer } from '../../runtime/clock.ts';

/**
 * Fires when nothing happened for a while. Activity costs one look at the clock:
 * the timer underneath is set anew only when it goes off or must go off earlier.
 */
export class IdleTimer {
  readonly #clock: Clock;
  readonly #onIdle: () => void;
  #limitMs = 0;
  #lastMs = 0;
  #dueMs = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock, onIdle: () => void) {
    this.#clock = clock;
    this.#onIdle = onIdle;
  }

  /** Starts to count anew. 0 ms means no limit. */
  set(limitMs: number): void {
    this.#limitMs = limitMs;
    this.#lastMs = this.#clock.monotonicMs();
    if (limitMs === 0) return;
    if (this.#timer !== undefined && this.#dueMs <= this.#lastMs + limitMs) return;
    this.#timer?.cancel();
    this.#arm(limitMs);
  }

  /** When it began to count. */
  get sinceMs(): number {
    return this.#lastMs;
  }

  touch(): void {
    this.#lastMs = this.#clock.monotonicMs();
  }

  cancel(): void {
    this.#limitMs = 0;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(delayMs: number): void {
    this.#dueMs = this.#clock.monotonicMs() + delayMs;
    this.#timer = this.#clock.setTimeout(() => this.#fire(), delayMs);
  }

  #fire(): void {
    this.#timer = undefined;
    if (this.#limitMs === 0) return;
    const leftMs = this.#lastMs + this.#limitMs - this.#clock.monotonicMs();
    if (leftMs > 0) this.#arm(Math.ceil(leftMs));
    else this.#onIdle();
  }
}
