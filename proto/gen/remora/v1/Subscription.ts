/**
 * Adds to what the sidecar wants details of. There is no removal: a sidecar
 * forgets by reconnecting.
 */
export interface Subscription {
  'services'?: (string)[];
  'addresses'?: (string)[];
}

/**
 * Adds to what the sidecar wants details of. There is no removal: a sidecar
 * forgets by reconnecting.
 */
export interface Subscription__Output {
  'services': (string)[];
  'addresses': (string)[];
}
