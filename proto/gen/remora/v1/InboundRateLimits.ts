import type { RateLimits as _remora_v1_RateLimits, RateLimits__Output as _remora_v1_RateLimits__Output } from '../../remora/v1/RateLimits.ts';

/**
 * The limits of one of the pod's own ports.
 */
export interface InboundRateLimits {
  'port'?: (number);
  'limits'?: (_remora_v1_RateLimits)[];
}

/**
 * The limits of one of the pod's own ports.
 */
export interface InboundRateLimits__Output {
  'port': (number);
  'limits': (_remora_v1_RateLimits__Output)[];
}
