export interface HashCookie {
  'name'?: (string);
  /**
   * Present: the sidecar sets the cookie where a request comes without it, for so
   * long; 0 is until the client ends.
   */
  'ttlSeconds'?: (number);
  '_ttlSeconds'?: "ttlSeconds";
}

export interface HashCookie__Output {
  'name': (string);
  /**
   * Present: the sidecar sets the cookie where a request comes without it, for so
   * long; 0 is until the client ends.
   */
  'ttlSeconds'?: (number);
  '_ttlSeconds'?: "ttlSeconds";
}
