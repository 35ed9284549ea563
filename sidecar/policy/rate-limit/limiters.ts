import type { Clock } from '../../../runtime/clock.ts';
import type { Component } from '../../../runtime/component.ts';
import type { Log } from '../../../runtime/log.ts';
import type { RateLimit, RateLimitStore, RateLimits } from '../../config/rate-limits.ts';
import { type Buckets, TokenBuckets } from './buckets.ts';
import { FairBucket } from './fair-bucket.ts';
import { Limiter } from './limiter.ts';
import { RedisStore } from './redis-store.ts';

export interface LimitersOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** This pod's own identity. */
  readonly self: () => string;
}

/**
 * The buckets of all rate limits, and connections to the stores of those that are for
 * all sidecars. They outlive configurations as long as their limit stays what it is.
 */
export class Limiters implements Component {
  readonly name = 'rate limits';
  readonly #options: LimitersOptions;
  readonly #buckets = new Map<string, Buckets>();
  readonly #stores = new Map<string, RedisStore>();

  constructor(options: LimitersOptions) {
    this.#options = options;
  }

  start(): void {}

  stop(): void {
    for (const store of this.#stores.values()) store.stop();
    this.#stores.clear();
  }

  limiter(policy: RateLimits): Limiter {
    return new Limiter({
      policy,
      bucketsOf: (limit) => this.#bucketsOf(policy, limit),
      store: isGlobal(policy) ? this.#storeAt(policy.store) : undefined,
      self: this.#options.self,
    });
  }

  /** Forgets what none of these policies needs. */
  retain(policies: Iterable<RateLimits>): void {
    if (this.#buckets.size === 0 && this.#stores.size === 0) return;
    const needed = new Set<string>();
    for (const policy of policies) {
      for (const limit of policy.limits) needed.add(keyOf(policy, limit));
      if (isGlobal(policy)) needed.add(addressOf(policy.store));
    }
    for (const key of this.#buckets.keys()) if (!needed.has(key)) this.#buckets.delete(key);
    for (const [address, store] of this.#stores) {
      if (needed.has(address)) continue;
      this.#stores.delete(address);
      store.stop();
    }
  }

  #bucketsOf(policy: RateLimits, limit: RateLimit): Buckets {
    const key = keyOf(policy, limit);
    let buckets = this.#buckets.get(key);
    if (buckets === undefined) {
      buckets = limit.key.kind === 'everybody' ? new FairBucket(limit) : new TokenBuckets(limit);
      this.#buckets.set(key, buckets);
    }
    return buckets;
  }

  #storeAt(place: RateLimitStore): RedisStore {
    const address = addressOf(place);
    let store = this.#stores.get(address);
    if (store === undefined) {
      const { clock, log } = this.#options;
      store = new RedisStore({ host: place.host, port: place.port, clock, log });
      this.#stores.set(address, store);
    }
    return store;
  }
}

function isGlobal(policy: RateLimits): policy is RateLimits & { store: RateLimitStore } {
  return policy.store !== undefined && policy.limits.some(({ global }) => global);
}

function keyOf({ source, target }: RateLimits, limit: RateLimit): string {
  return JSON.stringify([source, target, limit]);
}

function addressOf({ host, port }: RateLimitStore): string {
  return `${host}:${port}`;
}
