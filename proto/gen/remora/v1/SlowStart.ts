/**
 * The share of an endpoint that is new, or back after an ejection, grows over a window.
 */
export interface SlowStart {
  'windowMs'?: (number);
  /**
   * What it begins with.
   */
  'minPercent'?: (number);
}

/**
 * The share of an endpoint that is new, or back after an ejection, grows over a window.
 */
export interface SlowStart__Output {
  'windowMs': (number);
  /**
   * What it begins with.
   */
  'minPercent': (number);
}
