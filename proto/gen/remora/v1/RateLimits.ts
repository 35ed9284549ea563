import type { RateLimit as _remora_v1_RateLimit, RateLimit__Output as _remora_v1_RateLimit__Output } from '../../remora/v1/RateLimit.ts';
import type { RateLimitStore as _remora_v1_RateLimitStore, RateLimitStore__Output as _remora_v1_RateLimitStore__Output } from '../../remora/v1/RateLimitStore.ts';

/**
 * What one policy says of one target. All limits must have room for a request.
 */
export interface RateLimits {
  /**
   * "<namespace>/<name>" of the RateLimitPolicy.
   */
  'source'?: (string);
  /**
   * "<kind>/<namespace>/<name>": whose requests share the buckets.
   */
  'target'?: (string);
  'limits'?: (_remora_v1_RateLimit)[];
  /**
   * Where the limits with `global` are counted.
   */
  'store'?: (_remora_v1_RateLimitStore | null);
}

/**
 * What one policy says of one target. All limits must have room for a request.
 */
export interface RateLimits__Output {
  /**
   * "<namespace>/<name>" of the RateLimitPolicy.
   */
  'source': (string);
  /**
   * "<kind>/<namespace>/<name>": whose requests share the buckets.
   */
  'target': (string);
  'limits': (_remora_v1_RateLimit__Output)[];
  /**
   * Where the limits with `global` are counted.
   */
  'store': (_remora_v1_RateLimitStore__Output | null);
}
