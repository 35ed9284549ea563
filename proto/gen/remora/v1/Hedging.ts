/**
 * A request without a response after a while goes to a second endpoint too, and the
 * answer that comes first is taken.
 */
export interface Hedging {
  /**
   * Of the response times to the service, from 1 to 99: so long it waits, ...
   */
  'percentile'?: (number);
  /**
   * ... but not shorter than this.
   */
  'minDelayMs'?: (number);
  'methods'?: (string)[];
  /**
   * At most this share of the requests that could be hedged, in percent, is, ...
   */
  'budgetPercent'?: (number);
  /**
   * ... but always this many a second.
   */
  'budgetMinPerSecond'?: (number);
}

/**
 * A request without a response after a while goes to a second endpoint too, and the
 * answer that comes first is taken.
 */
export interface Hedging__Output {
  /**
   * Of the response times to the service, from 1 to 99: so long it waits, ...
   */
  'percentile': (number);
  /**
   * ... but not shorter than this.
   */
  'minDelayMs': (number);
  'methods': (string)[];
  /**
   * At most this share of the requests that could be hedged, in percent, is, ...
   */
  'budgetPercent': (number);
  /**
   * ... but always this many a second.
   */
  'budgetMinPerSecond': (number);
}
