import type { HashSource, Hedging, Retries } from '../config/types.ts';
import type { RetryBudget } from './budget.ts';
import type { HedgeDelay } from './hedge-delay.ts';
import type { ResponseTimes } from './response-times.ts';

/** A policy with the mesh's defaults filled in. 0 ms means no limit. */
export interface EffectivePolicy {
  /** From the request's head to the end of its response, over all tries. */
  readonly requestTimeoutMs: number;
  /** From the start of a try to the head of its response. */
  readonly perTryTimeoutMs: number;
  readonly connectTimeoutMs: number;
  /** Without a byte in either direction, of an exchange or between two. */
  readonly idleTimeoutMs: number;
  readonly retries: EffectiveRetries | undefined;
  readonly hedging?: EffectiveHedging;
  /** So many other endpoints are tried when one cannot be reached, besides what `retries` allow. */
  readonly connectRetries: number;
  /** What of a request decides its endpoint; undefined where nothing of it does. */
  readonly hash: HashSource | undefined;
}

export interface EffectiveRetries extends Retries {
  /** Shared by all that goes to the same cluster; outlives configurations. */
  readonly budget: RetryBudget;
}

export interface EffectiveHedging extends Hedging {
  /** Both shared by all that goes to the same cluster; they outlive configurations. */
  readonly budget: RetryBudget;
  readonly times: ResponseTimes;
  readonly delay: HedgeDelay;
}
