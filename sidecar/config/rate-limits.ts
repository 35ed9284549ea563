import type { Config } from './types.ts';

/** What one policy says of one target. All limits must have room for a request. */
export interface RateLimits {
  /** The RateLimitPolicy, `<namespace>/<name>`. */
  readonly source: string;
  /** `<kind>/<namespace>/<name>`: whose requests share the buckets. */
  readonly target: string;
  readonly limits: readonly RateLimit[];
  /** Where the limits that are `global` are counted; there when one is. */
  readonly store: RateLimitStore | undefined;
}

/**
 * A bucket for each key holds up to `burst` tokens and gains `requests` in `windowMs`; a
 * request takes one.
 */
export interface RateLimit {
  readonly name: string;
  readonly requests: number;
  readonly windowMs: number;
  readonly burst: number;
  readonly key: RateLimitKey;
  /** The buckets that are kept; the one that was used longest ago makes room. */
  readonly maxKeys: number;
  /** Counted in the store, for all sidecars together. */
  readonly global: boolean;
}

/** What of a request decides its bucket. */
export type RateLimitKey =
  /** One bucket, of which no caller can take the share of the others. */
  | { readonly kind: 'everybody' }
  /** Who called, as mutual TLS proved it; those without are one. */
  | { readonly kind: 'caller' }
  /** The name in lower case. Requests without it are one. */
  | { readonly kind: 'header'; readonly name: string };

/** A Redis. */
export interface RateLimitStore {
  readonly host: string;
  readonly port: number;
  /** So long a request waits for the answer. */
  readonly timeoutMs: number;
  /** Without an answer the request goes on; else it is refused. */
  readonly failOpen: boolean;
}

/** The limits of one of the pod's own ports. */
export interface InboundRateLimits {
  readonly port: number;
  readonly limits: readonly RateLimits[];
}

/** All that a configuration holds. */
export function* rateLimitsOf({ settings, routes, externals }: Config): Iterable<RateLimits> {
  for (const { limits } of settings.rateLimits ?? []) yield* limits;
  for (const { ports } of routes.values()) {
    for (const { policy, rules } of ports) {
      if (policy.rateLimits !== undefined) yield policy.rateLimits;
      for (const rule of rules)
        if (rule.policy.rateLimits !== undefined) yield rule.policy.rateLimits;
    }
  }
  for (const { policy } of externals?.values() ?? []) {
    if (policy.rateLimits !== undefined) yield policy.rateLimits;
  }
}
