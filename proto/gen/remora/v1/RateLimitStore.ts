export interface RateLimitStore {
  /**
   * "<host>:<port>" of a Redis.
   */
  'redis'?: (string);
  /**
   * So long a request waits for the answer.
   */
  'timeoutMs'?: (number);
  /**
   * Without an answer the request goes on; else it is refused.
   */
  'failOpen'?: (boolean);
}

export interface RateLimitStore__Output {
  /**
   * "<host>:<port>" of a Redis.
   */
  'redis': (string);
  /**
   * So long a request waits for the answer.
   */
  'timeoutMs': (number);
  /**
   * Without an answer the request goes on; else it is refused.
   */
  'failOpen': (boolean);
}
