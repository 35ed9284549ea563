import type { RateLimit } from '../../config/rate-limits.ts';
import { type Buckets, Rate } from './buckets.ts';

/** Who was silent for so long has no share any more. */
const ACTIVE_MS = 10_000;

interface Share {
  /** When nothing will be missing of it. */
  fullAtMs: number;
  seenMs: number;
}

/**
 * One bucket for all, of which no caller can take the share of the others.
 *
 * Half of the bucket is a reserve. Above it every token is for whoever comes; the
 * reserve is for those who have taken less than their share of late, which is the rate
 * of the limit by the number of callers that are active. So who sends too much gets what
 * the others leave, and who sends little finds a token. The rate and the burst of all
 * together are those of the limit, whoever sends.
 */
export class FairBucket implements Buckets {
  readonly #rate: Rate;
  readonly #reserve: number;
  readonly #maxCallers: number;
  /** When the bucket is full. */
  #fullAtMs = 0;
  /** By caller, in order of last use. */
  readonly #shares = new Map<string, Share>();

  constructor(limit: RateLimit) {
    this.#rate = new Rate(limit);
    this.#reserve = Math.max(Math.floor(limit.burst / 2), 1);
    this.#maxCallers = limit.maxKeys;
  }

  waitMs(caller: string, nowMs: number): number {
    const { intervalMs } = this.#rate;
    const share = this.#share(caller, nowMs);
    const tokens = this.#rate.tokens(this.#fullAtMs, nowMs);
    const callers = this.#shares.size;
    if (tokens < 1) return (1 - tokens) * intervalMs;
    if (callers === 1 || tokens - 1 >= this.#reserve) return 0;
    const ownTokens = this.#ownBurst(callers) - missing(share, nowMs) / (callers * intervalMs);
    if (ownTokens + 1e-6 >= 1) return 0;
    const surplusInMs = (this.#reserve + 1 - tokens) * intervalMs;
    return Math.min((1 - ownTokens) * callers * intervalMs, surplusInMs);
  }

  take(caller: string, nowMs: number): void {
    this.#fullAtMs = this.#rate.afterTaking(this.#fullAtMs, nowMs);
    const share = this.#share(caller, nowMs);
    const callers = this.#shares.size;
    const ownIntervalMs = callers * this.#rate.intervalMs;
    // What was taken of the surplus leaves no debt.
    const latestMs = nowMs + this.#ownBurst(callers) * ownIntervalMs;
    share.fullAtMs = Math.min(Math.max(share.fullAtMs, nowMs) + ownIntervalMs, latestMs);
  }

  remaining(_caller: string, nowMs: number): number {
    return Math.floor(this.#rate.tokens(this.#fullAtMs, nowMs));
  }

  fullInMs(_caller: string, nowMs: number): number {
    return Math.max(this.#fullAtMs - nowMs, 0);
  }

  /** The shares together are the reserve, but each has at least one token. */
  #ownBurst(callers: number): number {
    return Math.max(this.#reserve / callers, 1);
  }

  #share(caller: string, nowMs: number): Share {
    const share = this.#shares.get(caller) ?? { fullAtMs: nowMs, seenMs: nowMs };
    share.seenMs = nowMs;
    this.#shares.delete(caller);
    this.#shares.set(caller, share);
    for (const [oldest, { seenMs }] of this.#shares) {
      if (nowMs - seenMs <= ACTIVE_MS && this.#shares.size <= this.#maxCallers) break;
      this.#shares.delete(oldest);
    }
    return share;
  }
}

function missing({ fullAtMs }: Share, nowMs: number): number {
  return Math.max(fullAtMs - nowMs, 0);
}
