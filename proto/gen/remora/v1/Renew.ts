import type { Long } from '@grpc/proto-loader';

export interface Renew {
  'election'?: (string);
  /**
   * The token under which the sender leads; 0 when it does not.
   */
  'fencingToken'?: (number | string | Long);
  /**
   * Chosen by the sender, and returned in the answering Grant.
   */
  'sequence'?: (number | string | Long);
}

export interface Renew__Output {
  'election': (string);
  /**
   * The token under which the sender leads; 0 when it does not.
   */
  'fencingToken': (number);
  /**
   * Chosen by the sender, and returned in the answering Grant.
   */
  'sequence': (number);
}
