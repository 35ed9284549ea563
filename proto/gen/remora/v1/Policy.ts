import type { Retries as _remora_v1_Retries, Retries__Output as _remora_v1_Retries__Output } from '../../remora/v1/Retries.ts';
import type { CircuitBreaker as _remora_v1_CircuitBreaker, CircuitBreaker__Output as _remora_v1_CircuitBreaker__Output } from '../../remora/v1/CircuitBreaker.ts';
import type { LoadBalancer as _remora_v1_LoadBalancer, LoadBalancer__Output as _remora_v1_LoadBalancer__Output } from '../../remora/v1/LoadBalancer.ts';
import type { Limits as _remora_v1_Limits, Limits__Output as _remora_v1_Limits__Output } from '../../remora/v1/Limits.ts';
import type { Faults as _remora_v1_Faults, Faults__Output as _remora_v1_Faults__Output } from '../../remora/v1/Faults.ts';
import type { RateLimits as _remora_v1_RateLimits, RateLimits__Output as _remora_v1_RateLimits__Output } from '../../remora/v1/RateLimits.ts';
import type { Hedging as _remora_v1_Hedging, Hedging__Output as _remora_v1_Hedging__Output } from '../../remora/v1/Hedging.ts';

/**
 * An absent field means the mesh default; 0 ms means no limit.
 */
export interface Policy {
  /**
   * "<kind>/<namespace>/<name>" of the policies of which something is in force here.
   */
  'sources'?: (string)[];
  'requestTimeoutMs'?: (number);
  'perTryTimeoutMs'?: (number);
  'connectTimeoutMs'?: (number);
  'idleTimeoutMs'?: (number);
  'retries'?: (_remora_v1_Retries | null);
  'circuitBreaker'?: (_remora_v1_CircuitBreaker | null);
  /**
   * Requires the feature "load-balancer.v1".
   */
  'loadBalancer'?: (_remora_v1_LoadBalancer | null);
  /**
   * Requires the feature "limits.v1".
   */
  'limits'?: (_remora_v1_Limits | null);
  /**
   * Requires the feature "faults.v1".
   */
  'faults'?: (_remora_v1_Faults | null);
  /**
   * Requires the feature "rate-limits.v1".
   */
  'rateLimits'?: (_remora_v1_RateLimits | null);
  /**
   * Requires the feature "hedging.v1".
   */
  'hedging'?: (_remora_v1_Hedging | null);
  '_requestTimeoutMs'?: "requestTimeoutMs";
  '_perTryTimeoutMs'?: "perTryTimeoutMs";
  '_connectTimeoutMs'?: "connectTimeoutMs";
  '_idleTimeoutMs'?: "idleTimeoutMs";
}

/**
 * An absent field means the mesh default; 0 ms means no limit.
 */
export interface Policy__Output {
  /**
   * "<kind>/<namespace>/<name>" of the policies of which something is in force here.
   */
  'sources': (string)[];
  'requestTimeoutMs'?: (number);
  'perTryTimeoutMs'?: (number);
  'connectTimeoutMs'?: (number);
  'idleTimeoutMs'?: (number);
  'retries': (_remora_v1_Retries__Output | null);
  'circuitBreaker': (_remora_v1_CircuitBreaker__Output | null);
  /**
   * Requires the feature "load-balancer.v1".
   */
  'loadBalancer': (_remora_v1_LoadBalancer__Output | null);
  /**
   * Requires the feature "limits.v1".
   */
  'limits': (_remora_v1_Limits__Output | null);
  /**
   * Requires the feature "faults.v1".
   */
  'faults': (_remora_v1_Faults__Output | null);
  /**
   * Requires the feature "rate-limits.v1".
   */
  'rateLimits': (_remora_v1_RateLimits__Output | null);
  /**
   * Requires the feature "hedging.v1".
   */
  'hedging': (_remora_v1_Hedging__Output | null);
  '_requestTimeoutMs'?: "requestTimeoutMs";
  '_perTryTimeoutMs'?: "perTryTimeoutMs";
  '_connectTimeoutMs'?: "connectTimeoutMs";
  '_idleTimeoutMs'?: "idleTimeoutMs";
}
