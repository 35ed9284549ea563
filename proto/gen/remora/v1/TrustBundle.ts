export interface TrustBundle {
  /**
   * PEM, one or more roots.
   */
  'roots'?: (string);
}

export interface TrustBundle__Output {
  /**
   * PEM, one or more roots.
   */
  'roots': (string);
}
