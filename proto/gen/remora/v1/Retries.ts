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
  /**
   * Outcomes of gRPC calls that are tried again, and no others. Empty: those that
   * say the same as status_codes. Requires the feature "retries.v2", as the next.
   */
  'grpcStatuses'?: (number)[];
  /**
   * Servers that ask for a longer pause are not asked again; 0: their wish is not
   * heard. Absent means the mesh default.
   */
  'maxRetryAfterMs'?: (number);
  '_maxRetryAfterMs'?: "maxRetryAfterMs";
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
  /**
   * Outcomes of gRPC calls that are tried again, and no others. Empty: those that
   * say the same as status_codes. Requires the feature "retries.v2", as the next.
   */
  'grpcStatuses': (number)[];
  /**
   * Servers that ask for a longer pause are not asked again; 0: their wish is not
   * heard. Absent means the mesh default.
   */
  'maxRetryAfterMs'?: (number);
  '_maxRetryAfterMs'?: "maxRetryAfterMs";
}
