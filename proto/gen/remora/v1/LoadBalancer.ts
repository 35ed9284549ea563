import type { BalancerType as _remora_v1_BalancerType, BalancerType__Output as _remora_v1_BalancerType__Output } from '../../remora/v1/BalancerType.ts';
import type { HashSource as _remora_v1_HashSource, HashSource__Output as _remora_v1_HashSource__Output } from '../../remora/v1/HashSource.ts';
import type { SlowStart as _remora_v1_SlowStart, SlowStart__Output as _remora_v1_SlowStart__Output } from '../../remora/v1/SlowStart.ts';
import type { Locality as _remora_v1_Locality, Locality__Output as _remora_v1_Locality__Output } from '../../remora/v1/Locality.ts';

/**
 * How the endpoint of a request is chosen.
 */
export interface LoadBalancer {
  'type'?: (_remora_v1_BalancerType);
  /**
   * With RING_HASH, and only with it.
   */
  'hash'?: (_remora_v1_HashSource | null);
  /**
   * Never with RING_HASH. Requires the feature "load-balancer.v2", as the next.
   */
  'slowStart'?: (_remora_v1_SlowStart | null);
  'locality'?: (_remora_v1_Locality | null);
}

/**
 * How the endpoint of a request is chosen.
 */
export interface LoadBalancer__Output {
  'type': (_remora_v1_BalancerType__Output);
  /**
   * With RING_HASH, and only with it.
   */
  'hash': (_remora_v1_HashSource__Output | null);
  /**
   * Never with RING_HASH. Requires the feature "load-balancer.v2", as the next.
   */
  'slowStart': (_remora_v1_SlowStart__Output | null);
  'locality': (_remora_v1_Locality__Output | null);
}
