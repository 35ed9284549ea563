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
}
