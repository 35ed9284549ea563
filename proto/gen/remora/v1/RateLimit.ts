import type { RateLimitKey as _remora_v1_RateLimitKey, RateLimitKey__Output as _remora_v1_RateLimitKey__Output } from '../../remora/v1/RateLimitKey.ts';

/**
 * A bucket for each key holds up to `burst` tokens and gains `requests` in `window_ms`; a
 * request takes one.
 */
export interface RateLimit {
  'name'?: (string);
  'requests'?: (number);
  'windowMs'?: (number);
  'burst'?: (number);
  'key'?: (_remora_v1_RateLimitKey | null);
  /**
   * The buckets that are kept; the one that was used longest ago makes room.
   */
  'maxKeys'?: (number);
  /**
   * Counted in the store, for all sidecars together.
   */
  'global'?: (boolean);
}

/**
 * A bucket for each key holds up to `burst` tokens and gains `requests` in `window_ms`; a
 * request takes one.
 */
export interface RateLimit__Output {
  'name': (string);
  'requests': (number);
  'windowMs': (number);
  'burst': (number);
  'key': (_remora_v1_RateLimitKey__Output | null);
  /**
   * The buckets that are kept; the one that was used longest ago makes room.
   */
  'maxKeys': (number);
  /**
   * Counted in the store, for all sidecars together.
   */
  'global': (boolean);
}
