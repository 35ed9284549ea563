import type { BalancerType as _remora_v1_BalancerType, BalancerType__Output as _remora_v1_BalancerType__Output } from '../../remora/v1/BalancerType.ts';
import type { HashSource as _remora_v1_HashSource, HashSource__Output as _remora_v1_HashSource__Output } from '../../remora/v1/HashSource.ts';

/**
 * How the endpoint of a request is chosen.
 */
export interface LoadBalancer {
  'type'?: (_remora_v1_BalancerType);
  /**
   * With RING_HASH, and only with it.
   */
  'hash'?: (_remora_v1_HashSource | null);
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
}
