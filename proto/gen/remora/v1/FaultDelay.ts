export interface FaultDelay {
  'durationMs'?: (number);
  /**
   * Of a million requests, so many.
   */
  'partsPerMillion'?: (number);
}

export interface FaultDelay__Output {
  'durationMs': (number);
  /**
   * Of a million requests, so many.
   */
  'partsPerMillion': (number);
}
