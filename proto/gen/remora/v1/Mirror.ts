/**
 * A copy of `numerator` in `denominator` of the requests goes to this service
 * too; what comes back is thrown away.
 */
export interface Mirror {
  'service'?: (string);
  'port'?: (number);
  'numerator'?: (number);
  'denominator'?: (number);
}

/**
 * A copy of `numerator` in `denominator` of the requests goes to this service
 * too; what comes back is thrown away.
 */
export interface Mirror__Output {
  'service': (string);
  'port': (number);
  'numerator': (number);
  'denominator': (number);
}
