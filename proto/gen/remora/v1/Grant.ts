import type { Long } from '@grpc/proto-loader';

export interface Grant {
  'election'?: (string);
  /**
   * The pod that leads; empty while nobody does.
   */
  'leader'?: (string);
  /**
   * Rises by one with each new leader, and never falls.
   */
  'fencingToken'?: (number | string | Long);
  /**
   * How long the lease lasts, counted from when the renewal that this answers
   * was sent, or for a first grant from its arrival.
   */
  'leaseDurationMs'?: (number);
  /**
   * The Renew that this answers; 0 for a change that the control plane tells of itself.
   */
  'sequence'?: (number | string | Long);
}

export interface Grant__Output {
  'election': (string);
  /**
   * The pod that leads; empty while nobody does.
   */
  'leader': (string);
  /**
   * Rises by one with each new leader, and never falls.
   */
  'fencingToken': (number);
  /**
   * How long the lease lasts, counted from when the renewal that this answers
   * was sent, or for a first grant from its arrival.
   */
  'leaseDurationMs': (number);
  /**
   * The Renew that this answers; 0 for a change that the control plane tells of itself.
   */
  'sequence': (number);
}
