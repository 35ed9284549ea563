import type { HttpMatch as _remora_v1_HttpMatch, HttpMatch__Output as _remora_v1_HttpMatch__Output } from '../../remora/v1/HttpMatch.ts';
import type { FaultDelay as _remora_v1_FaultDelay, FaultDelay__Output as _remora_v1_FaultDelay__Output } from '../../remora/v1/FaultDelay.ts';
import type { FaultAbort as _remora_v1_FaultAbort, FaultAbort__Output as _remora_v1_FaultAbort__Output } from '../../remora/v1/FaultAbort.ts';
import type { FaultBandwidth as _remora_v1_FaultBandwidth, FaultBandwidth__Output as _remora_v1_FaultBandwidth__Output } from '../../remora/v1/FaultBandwidth.ts';

/**
 * What is done to a share of the requests on purpose.
 */
export interface Faults {
  /**
   * "<namespace>/<name>" of the FaultPolicy.
   */
  'source'?: (string);
  /**
   * Any of these; none means every request.
   */
  'matches'?: (_remora_v1_HttpMatch)[];
  'delay'?: (_remora_v1_FaultDelay | null);
  'abort'?: (_remora_v1_FaultAbort | null);
  'bandwidth'?: (_remora_v1_FaultBandwidth | null);
  /**
   * RFC 3339: from then on nothing is done any more. Empty is never.
   */
  'expiresAt'?: (string);
}

/**
 * What is done to a share of the requests on purpose.
 */
export interface Faults__Output {
  /**
   * "<namespace>/<name>" of the FaultPolicy.
   */
  'source': (string);
  /**
   * Any of these; none means every request.
   */
  'matches': (_remora_v1_HttpMatch__Output)[];
  'delay': (_remora_v1_FaultDelay__Output | null);
  'abort': (_remora_v1_FaultAbort__Output | null);
  'bandwidth': (_remora_v1_FaultBandwidth__Output | null);
  /**
   * RFC 3339: from then on nothing is done any more. Empty is never.
   */
  'expiresAt': (string);
}
