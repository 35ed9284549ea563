import type { HashCookie as _remora_v1_HashCookie, HashCookie__Output as _remora_v1_HashCookie__Output } from '../../remora/v1/HashCookie.ts';
import type { CallingPod as _remora_v1_CallingPod, CallingPod__Output as _remora_v1_CallingPod__Output } from '../../remora/v1/CallingPod.ts';

/**
 * What of a request is its key.
 */
export interface HashSource {
  /**
   * The value of the header with this name.
   */
  'header'?: (string);
  'cookie'?: (_remora_v1_HashCookie | null);
  /**
   * Which pod calls.
   */
  'callingPod'?: (_remora_v1_CallingPod | null);
  'source'?: "header"|"cookie"|"callingPod";
}

/**
 * What of a request is its key.
 */
export interface HashSource__Output {
  /**
   * The value of the header with this name.
   */
  'header'?: (string);
  'cookie'?: (_remora_v1_HashCookie__Output | null);
  /**
   * Which pod calls.
   */
  'callingPod'?: (_remora_v1_CallingPod__Output | null);
  'source'?: "header"|"cookie"|"callingPod";
}
