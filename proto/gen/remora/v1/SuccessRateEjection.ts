/**
 * An endpoint leaves the balancer when fewer of its requests succeed in an interval.
 */
export interface SuccessRateEjection {
  'minPercent'?: (number);
  /**
   * With fewer requests, nothing is concluded.
   */
  'minRequests'?: (number);
}

/**
 * An endpoint leaves the balancer when fewer of its requests succeed in an interval.
 */
export interface SuccessRateEjection__Output {
  'minPercent': (number);
  /**
   * With fewer requests, nothing is concluded.
   */
  'minRequests': (number);
}
