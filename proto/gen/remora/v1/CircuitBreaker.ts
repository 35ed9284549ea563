import type { SuccessRateEjection as _remora_v1_SuccessRateEjection, SuccessRateEjection__Output as _remora_v1_SuccessRateEjection__Output } from '../../remora/v1/SuccessRateEjection.ts';
import type { LatencyEjection as _remora_v1_LatencyEjection, LatencyEjection__Output as _remora_v1_LatencyEjection__Output } from '../../remora/v1/LatencyEjection.ts';

export interface CircuitBreaker {
  /**
   * An endpoint leaves the balancer after this many errors in a row.
   */
  'consecutiveErrors'?: (number);
  'ejectionMs'?: (number);
  /**
   * Of the endpoints of one service, at most this share is out at a time.
   */
  'maxEjectedPercent'?: (number);
  /**
   * What follows requires the feature "circuit-breaker.v2".
   * The same for errors that do not come from the application itself: 502, 503,
   * 504, resets, timeouts, connections that fail.
   */
  'consecutiveGatewayErrors'?: (number);
  'successRate'?: (_remora_v1_SuccessRateEjection | null);
  'latency'?: (_remora_v1_LatencyEjection | null);
  /**
   * How often both are looked at; absent means the mesh default.
   */
  'intervalMs'?: (number);
  /**
   * Ejections that follow one another grow up to this.
   */
  'maxEjectionMs'?: (number);
  /**
   * Where less than this share of the endpoints is left, all are used.
   */
  'minHealthyPercent'?: (number);
  '_consecutiveGatewayErrors'?: "consecutiveGatewayErrors";
  '_intervalMs'?: "intervalMs";
  '_maxEjectionMs'?: "maxEjectionMs";
  '_minHealthyPercent'?: "minHealthyPercent";
}

export interface CircuitBreaker__Output {
  /**
   * An endpoint leaves the balancer after this many errors in a row.
   */
  'consecutiveErrors': (number);
  'ejectionMs': (number);
  /**
   * Of the endpoints of one service, at most this share is out at a time.
   */
  'maxEjectedPercent': (number);
  /**
   * What follows requires the feature "circuit-breaker.v2".
   * The same for errors that do not come from the application itself: 502, 503,
   * 504, resets, timeouts, connections that fail.
   */
  'consecutiveGatewayErrors'?: (number);
  'successRate': (_remora_v1_SuccessRateEjection__Output | null);
  'latency': (_remora_v1_LatencyEjection__Output | null);
  /**
   * How often both are looked at; absent means the mesh default.
   */
  'intervalMs'?: (number);
  /**
   * Ejections that follow one another grow up to this.
   */
  'maxEjectionMs'?: (number);
  /**
   * Where less than this share of the endpoints is left, all are used.
   */
  'minHealthyPercent'?: (number);
  '_consecutiveGatewayErrors'?: "consecutiveGatewayErrors";
  '_intervalMs'?: "intervalMs";
  '_maxEjectionMs'?: "maxEjectionMs";
  '_minHealthyPercent'?: "minHealthyPercent";
}
