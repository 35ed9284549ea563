export const BalancerType = {
  /**
   * Of two drawn at random, the one with fewer requests under way.
   */
  LEAST_REQUEST: 'LEAST_REQUEST',
  /**
   * Of two drawn at random, the one with the smaller product of response time
   * and requests under way.
   */
  PEAK_EWMA: 'PEAK_EWMA',
  ROUND_ROBIN: 'ROUND_ROBIN',
  /**
   * Equal keys to the same endpoint, unless that has much more to do than others.
   */
  RING_HASH: 'RING_HASH',
} as const;

export type BalancerType =
  /**
   * Of two drawn at random, the one with fewer requests under way.
   */
  | 'LEAST_REQUEST'
  | 0
  /**
   * Of two drawn at random, the one with the smaller product of response time
   * and requests under way.
   */
  | 'PEAK_EWMA'
  | 1
  | 'ROUND_ROBIN'
  | 2
  /**
   * Equal keys to the same endpoint, unless that has much more to do than others.
   */
  | 'RING_HASH'
  | 3

export type BalancerType__Output = typeof BalancerType[keyof typeof BalancerType]
