import type { RateLimit } from '../../config/rate-limits.ts';

/**
 * The buckets of one limit, by key. Pure: the time comes with each question, and has to
 * be one that never goes back.
 */
export interface Buckets {
  /** How long until there is a token; 0 when there is one. */
  waitMs(key: string, nowMs: number): number;
  /** Takes a token that is there. */
  take(key: string, nowMs: number): void;
  /** Whole tokens that are there. */
  remaining(key: string, nowMs: number): number;
  /** How long until nothing is missing. */
  fullInMs(key: string, nowMs: number): number;
}

/** How fast a bucket fills, and how much it holds. */
export class Rate {
  /** In which one token is gained. */
  readonly intervalMs: number;
  readonly burst: number;

  constructor({ requests, windowMs, burst }: Pick<RateLimit, 'requests' | 'windowMs' | 'burst'>) {
    this.intervalMs = windowMs / requests;
    this.burst = burst;
  }

  /** @param fullAtMs when nothing will be missing: all that has to be kept of a bucket */
  tokens(fullAtMs: number, nowMs: number): number {
    if (fullAtMs <= nowMs) return this.burst;
    // What was taken in one moment adds up with the errors of its fractions.
    return Math.max(this.burst - (fullAtMs - nowMs) / this.intervalMs + 1e-6, 0);
  }

  /** The bucket after a token was taken. It is never emptier than empty. */
  afterTaking(fullAtMs: number, nowMs: number): number {
    const latestMs = nowMs + this.burst * this.intervalMs;
    return Math.min(Math.max(fullAtMs, nowMs) + this.intervalMs, latestMs);
  }
}

/** A bucket for each key. Of too many, the one that was used longest ago is forgotten. */
export class TokenBuckets implements Buckets {
  readonly #rate: Rate;
  readonly #maxKeys: number;
  /** When each is full; in order of last use. */
  readonly #fullAtMs = new Map<string, number>();

  constructor(limit: RateLimit) {
    this.#rate = new Rate(limit);
    this.#maxKeys = limit.maxKeys;
  }

  get size(): number {
    return this.#fullAtMs.size;
  }

  waitMs(key: string, nowMs: number): number {
    const fullAtMs = this.#fullAtMs.get(key);
    if (fullAtMs === undefined) return 0;
    const tokens = this.#rate.tokens(fullAtMs, nowMs);
    if (tokens >= 1) return 0;
    // Who is refused uses its bucket too, and does not get another by that.
    this.#keep(key, fullAtMs);
    return (1 - tokens) * this.#rate.intervalMs;
  }

  take(key: string, nowMs: number): void {
    this.#keep(key, this.#rate.afterTaking(this.#fullAtMs.get(key) ?? nowMs, nowMs));
  }

  remaining(key: string, nowMs: number): number {
    return Math.floor(this.#rate.tokens(this.#fullAtMs.get(key) ?? nowMs, nowMs));
  }

  fullInMs(key: string, nowMs: number): number {
    return Math.max((this.#fullAtMs.get(key) ?? nowMs) - nowMs, 0);
  }

  #keep(key: string, fullAtMs: number): void {
    this.#fullAtMs.delete(key);
    this.#fullAtMs.set(key, fullAtMs);
    if (this.#fullAtMs.size <= this.#maxKeys) return;
    for (const oldest of this.#fullAtMs.keys()) {
      this.#fullAtMs.delete(oldest);
      return;
    }
  }
}
