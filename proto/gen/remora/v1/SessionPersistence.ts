/**
 * A client stays with the endpoint that answered it first.
 */
export interface SessionPersistence {
  /**
   * The client shows a header instead of a cookie.
   */
  'inHeader'?: (boolean);
  /**
   * Of the cookie or header; empty: the sidecar makes up one of its own for each backend.
   */
  'name'?: (string);
  /**
   * Of the cookie.
   */
  'path'?: (string);
  /**
   * The cookie outlives the client's session; needs an absolute timeout.
   */
  'permanent'?: (boolean);
  /**
   * 0 is none.
   */
  'absoluteTimeoutMs'?: (number);
  'idleTimeoutMs'?: (number);
}

/**
 * A client stays with the endpoint that answered it first.
 */
export interface SessionPersistence__Output {
  /**
   * The client shows a header instead of a cookie.
   */
  'inHeader': (boolean);
  /**
   * Of the cookie or header; empty: the sidecar makes up one of its own for each backend.
   */
  'name': (string);
  /**
   * Of the cookie.
   */
  'path': (string);
  /**
   * The cookie outlives the client's session; needs an absolute timeout.
   */
  'permanent': (boolean);
  /**
   * 0 is none.
   */
  'absoluteTimeoutMs': (number);
  'idleTimeoutMs': (number);
}
