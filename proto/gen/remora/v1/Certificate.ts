import type { TrustBundle as _remora_v1_TrustBundle, TrustBundle__Output as _remora_v1_TrustBundle__Output } from '../../remora/v1/TrustBundle.ts';
import type { Long } from '@grpc/proto-loader';

export interface Certificate {
  /**
   * PEM, leaf first.
   */
  'chain'?: (string);
  'trustBundle'?: (_remora_v1_TrustBundle | null);
  'spiffeId'?: (string);
  /**
   * Milliseconds since the epoch.
   */
  'notBeforeMs'?: (number | string | Long);
  'notAfterMs'?: (number | string | Long);
}

export interface Certificate__Output {
  /**
   * PEM, leaf first.
   */
  'chain': (string);
  'trustBundle': (_remora_v1_TrustBundle__Output | null);
  'spiffeId': (string);
  /**
   * Milliseconds since the epoch.
   */
  'notBeforeMs': (number);
  'notAfterMs': (number);
}
