import type { Everybody as _remora_v1_Everybody, Everybody__Output as _remora_v1_Everybody__Output } from '../../remora/v1/Everybody.ts';
import type { CallerIdentity as _remora_v1_CallerIdentity, CallerIdentity__Output as _remora_v1_CallerIdentity__Output } from '../../remora/v1/CallerIdentity.ts';

/**
 * What of a request decides its bucket.
 */
export interface RateLimitKey {
  /**
   * One bucket, of which no caller can take the share of the others.
   */
  'everybody'?: (_remora_v1_Everybody | null);
  /**
   * Who called, as mutual TLS proved it; those without are one.
   */
  'caller'?: (_remora_v1_CallerIdentity | null);
  /**
   * The value of the header with this name; requests without are one.
   */
  'header'?: (string);
  'key'?: "everybody"|"caller"|"header";
}

/**
 * What of a request decides its bucket.
 */
export interface RateLimitKey__Output {
  /**
   * One bucket, of which no caller can take the share of the others.
   */
  'everybody'?: (_remora_v1_Everybody__Output | null);
  /**
   * Who called, as mutual TLS proved it; those without are one.
   */
  'caller'?: (_remora_v1_CallerIdentity__Output | null);
  /**
   * The value of the header with this name; requests without are one.
   */
  'header'?: (string);
  'key'?: "everybody"|"caller"|"header";
}
