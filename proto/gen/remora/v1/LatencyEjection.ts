/**
 * An endpoint leaves the balancer when its mean response time in an interval is
 * above `percent` of the median of the others, and at least `min_ms`.
 */
export interface LatencyEjection {
  'percent'?: (number);
  'minMs'?: (number);
  'minRequests'?: (number);
}

/**
 * An endpoint leaves the balancer when its mean response time in an interval is
 * above `percent` of the median of the others, and at least `min_ms`.
 */
export interface LatencyEjection__Output {
  'percent': (number);
  'minMs': (number);
  'minRequests': (number);
}
