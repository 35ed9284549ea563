export interface Retries {
  /**
   * Further tries after the first.
   */
  'attempts'?: (number);
  'statusCodes'?: (number)[];
  'connectFailure'?: (boolean);
  'backoffBaseMs'?: (number);
  'backoffMaxMs'?: (number);
  /**
   * At most this share of the requests, in percent, may be retries, ...
   */
  'budgetPercent'?: (number);
  /**
   * ... but always this many a second.
   */
  'budgetMinPerSecond'?: (number);
}

export interface Retries__Output {
  /**
   * Further tries after the first.
   */
  'attempts': (number);
  'statusCodes': (number)[];
  'connectFailure': (boolean);
  'backoffBaseMs': (number);
  'backoffMaxMs': (number);
  /**
   * At most this share of the requests, in percent, may be retries, ...
   */
  'budgetPercent': (number);
  /**
   * ... but always this many a second.
   */
  'budgetMinPerSecond': (number);
}
