import type { Long } from '@grpc/proto-loader';

/**
 * The push with this nonce was refused as a whole; the sidecar stays on what it had.
 */
export interface Nack {
  'nonce'?: (number | string | Long);
  /**
   * An operator's sentence: what was wrong, in which resource.
   */
  'reason'?: (string);
  /**
   * The resource that could not be taken, when one can be named.
   */
  'resource'?: (string);
}

/**
 * The push with this nonce was refused as a whole; the sidecar stays on what it had.
 */
export interface Nack__Output {
  'nonce': (number);
  /**
   * An operator's sentence: what was wrong, in which resource.
   */
  'reason': (string);
  /**
   * The resource that could not be taken, when one can be named.
   */
  'resource': (string);
}
