/**
 * weight 0 takes no request. `invalid` stands for a backend that does not
 * exist or may not be used: its share is answered with 500.
 */
export interface Backend {
  'service'?: (string);
  'port'?: (number);
  'weight'?: (number);
  'invalid'?: (string);
}

/**
 * weight 0 takes no request. `invalid` stands for a backend that does not
 * exist or may not be used: its share is answered with 500.
 */
export interface Backend__Output {
  'service': (string);
  'port': (number);
  'weight': (number);
  'invalid': (string);
}
