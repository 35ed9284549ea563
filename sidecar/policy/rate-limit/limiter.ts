import type { RateLimit, RateLimits } from '../../config/rate-limits.ts';
import type { Exchange } from '../../exchange.ts';
import { GRPC } from '../../grpc/status.ts';
import { PolicyRefusal } from '../refusal.ts';
import type { Buckets } from './buckets.ts';
import { POLICY_FIELD, policyItem, STATE_FIELD, stateItem, wholeSeconds } from './fields.ts';
import type { RedisStore, StoredBucket, StoredState } from './redis-store.ts';
import { requestKey } from './request-key.ts';

interface LocalLimit {
  readonly limit: RateLimit;
  readonly buckets: Buckets;
}

export interface LimiterOptions {
  readonly policy: RateLimits;
  readonly bucketsOf: (limit: RateLimit) => Buckets;
  /** Where limits for all sidecars are counted; there when there are some. */
  readonly store: RedisStore | undefined;
  readonly self: () => string;
}

/** The limits of one policy at one place. */
export class Limiter {
  /** All that `RateLimit-Policy` says. */
  readonly policyField: string;
  /** `<namespace>/<name>` of what the policy is attached to, for the counts. */
  readonly targetName: string;
  readonly store: RedisStore | undefined;
  readonly #policy: RateLimits;
  readonly #local: readonly LocalLimit[];
  readonly #global: readonly RateLimit[];
  readonly #self: () => string;
  /** The keys of the request that is looked at. */
  readonly #keys: string[] = [];

  constructor({ policy, bucketsOf, store, self }: LimiterOptions) {
    this.#policy = policy;
    this.#self = self;
    this.store = store;
    this.policyField = policy.limits.map(policyItem).join(', ');
    this.targetName = policy.target.slice(policy.target.indexOf('/') + 1);
    this.#local = policy.limits
      .filter(({ global }) => !global)
      .map((limit) => ({ limit, buckets: bucketsOf(limit) }));
    this.#global = policy.limits.filter(({ global }) => global);
  }

  get failsOpen(): boolean {
    return this.#policy.store?.failOpen !== false;
  }

  get storeTimeoutMs(): number {
    return this.#policy.store?.timeoutMs ?? 0;
  }

  /** Why the limits that are counted here have no room; undefined when they have. Takes nothing. */
  look(exchange: Exchange, nowMs: number): PolicyRefusal | undefined {
    let longestMs = 0;
    let reached = '';
    this.#local.forEach(({ limit, buckets }, i) => {
      const key = requestKey(limit.key, exchange, this.#self);
      this.#keys[i] = key;
      const waitMs = buckets.waitMs(key, nowMs);
      if (waitMs <= longestMs) return;
      longestMs = waitMs;
      reached = limit.name;
    });
    if (longestMs === 0) return undefined;
    return this.#refusal(reached, longestMs, this.#localState(nowMs));
  }

  /** After {@link look}, of the same request: takes what is there. Gives what remains. */
  take(nowMs: number): string {
    this.#local.forEach(({ buckets }, i) => {
      buckets.take(this.#keys[i] ?? '', nowMs);
    });
    return this.#localState(nowMs);
  }

  /** The buckets in the store; none where no limit is for all sidecars. */
  stored(exchange: Exchange): readonly StoredBucket[] {
    const { source, target } = this.#policy;
    return this.#global.map(({ name, requests, windowMs, burst, key }) => ({
      // The braces keep the keys of one policy together in a cluster.
      key: `remora:{${source}:${target}}:${name}:${requestKey(key, exchange, this.#self)}`,
      intervalUs: (windowMs * 1000) / requests,
      burst,
    }));
  }

  /** What the store said: why there is no room, or what remains. */
  judge(states: readonly StoredState[]): PolicyRefusal | string {
    let longestMs = 0;
    let reached = '';
    const items = states.map(({ waitMs, remaining, fullInMs }, i) => {
      const name = this.#global[i]?.name ?? '';
      if (waitMs > longestMs) [longestMs, reached] = [waitMs, name];
      return stateItem(name, remaining, fullInMs);
    });
    const state = items.join(', ');
    return longestMs === 0 ? state : this.#refusal(reached, longestMs, state);
  }

  #localState(nowMs: number): string {
    let state = '';
    this.#local.forEach(({ limit, buckets }, i) => {
      const key = this.#keys[i] ?? '';
      const item = stateItem(
        limit.name,
        buckets.remaining(key, nowMs),
        buckets.fullInMs(key, nowMs),
      );
      state = state === '' ? item : `${state}, ${item}`;
    });
    return state;
  }

  #refusal(reached: string, waitMs: number, state: string): PolicyRefusal {
    const seconds = wholeSeconds(waitMs);
    const message = `a rate limit is reached; try again in ${seconds} s`;
    return new PolicyRefusal('rate-limited', message, {
      status: 429,
      grpcStatus: GRPC.resourceExhausted,
      fields: [
        ['retry-after', String(seconds)],
        [POLICY_FIELD, this.policyField],
        [STATE_FIELD, state],
      ],
      cause: `limit "${reached}" of RateLimitPolicy ${this.#policy.source}`,
    });
  }
}
