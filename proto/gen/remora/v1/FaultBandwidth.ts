/**
 * For each direction of one request.
 */
export interface FaultBandwidth {
  'bytesPerSecond'?: (number);
  'partsPerMillion'?: (number);
}

/**
 * For each direction of one request.
 */
export interface FaultBandwidth__Output {
  'bytesPerSecond': (number);
  'partsPerMillion': (number);
}
