import type { Certificate as _remora_v1_Certificate, Certificate__Output as _remora_v1_Certificate__Output } from '../../remora/v1/Certificate.ts';
import type { TrustBundle as _remora_v1_TrustBundle, TrustBundle__Output as _remora_v1_TrustBundle__Output } from '../../remora/v1/TrustBundle.ts';

export interface CertifyResponse {
  'certificate'?: (_remora_v1_Certificate | null);
  /**
   * Sent alone when a stream opens and when the roots change.
   */
  'trustBundle'?: (_remora_v1_TrustBundle | null);
  /**
   * The reason why a new signing request is wanted.
   */
  'renew'?: (string);
  'response'?: "certificate"|"trustBundle"|"renew";
}

export interface CertifyResponse__Output {
  'certificate'?: (_remora_v1_Certificate__Output | null);
  /**
   * Sent alone when a stream opens and when the roots change.
   */
  'trustBundle'?: (_remora_v1_TrustBundle__Output | null);
  /**
   * The reason why a new signing request is wanted.
   */
  'renew'?: (string);
  'response'?: "certificate"|"trustBundle"|"renew";
}
