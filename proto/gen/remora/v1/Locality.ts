/**
 * Requests go to endpoints of the caller's zone, while at least this share of them
 * is in the balancer.
 */
export interface Locality {
  'minHealthyPercent'?: (number);
}

/**
 * Requests go to endpoints of the caller's zone, while at least this share of them
 * is in the balancer.
 */
export interface Locality__Output {
  'minHealthyPercent': (number);
}
