import type { Retries as _remora_v1_Retries, Retries__Output as _remora_v1_Retries__Output } from '../../remora/v1/Retries.ts';
import type { CircuitBreaker as _remora_v1_CircuitBreaker, CircuitBreaker__Output as _remora_v1_CircuitBreaker__Output } from '../../remora/v1/CircuitBreaker.ts';

/**
 * An absent field means the mesh default; 0 ms means no limit.
 */
export interface Policy {
  /**
   * "<namespace>/<name>" of the TrafficPolicies merged here.
   */
  'sources'?: (string)[];
  'requestTimeoutMs'?: (number);
  'perTryTimeoutMs'?: (number);
  'connectTimeoutMs'?: (number);
  'idleTimeoutMs'?: (number);
  'retries'?: (_remora_v1_Retries | null);
  'circuitBreaker'?: (_remora_v1_CircuitBreaker | null);
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
   * "<namespace>/<name>" of the TrafficPolicies merged here.
   */
  'sources': (string)[];
  'requestTimeoutMs'?: (number);
  'perTryTimeoutMs'?: (number);
  'connectTimeoutMs'?: (number);
  'idleTimeoutMs'?: (number);
  'retries': (_remora_v1_Retries__Output | null);
  'circuitBreaker': (_remora_v1_CircuitBreaker__Output | null);
  '_requestTimeoutMs'?: "requestTimeoutMs";
  '_perTryTimeoutMs'?: "perTryTimeoutMs";
  '_connectTimeoutMs'?: "connectTimeoutMs";
  '_idleTimeoutMs'?: "idleTimeoutMs";
}
