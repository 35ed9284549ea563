import type { HttpMatch as _remora_v1_HttpMatch, HttpMatch__Output as _remora_v1_HttpMatch__Output } from '../../remora/v1/HttpMatch.ts';
import type { Backend as _remora_v1_Backend, Backend__Output as _remora_v1_Backend__Output } from '../../remora/v1/Backend.ts';
import type { Policy as _remora_v1_Policy, Policy__Output as _remora_v1_Policy__Output } from '../../remora/v1/Policy.ts';
import type { Filters as _remora_v1_Filters, Filters__Output as _remora_v1_Filters__Output } from '../../remora/v1/Filters.ts';
import type { SessionPersistence as _remora_v1_SessionPersistence, SessionPersistence__Output as _remora_v1_SessionPersistence__Output } from '../../remora/v1/SessionPersistence.ts';

export interface HttpRule {
  /**
   * "<kind>/<namespace>/<name>/<rule name or index>", for logs and metrics.
   */
  'name'?: (string);
  /**
   * Any of these; none means every request.
   */
  'matches'?: (_remora_v1_HttpMatch)[];
  'backends'?: (_remora_v1_Backend)[];
  'policy'?: (_remora_v1_Policy | null);
  'filters'?: (_remora_v1_Filters | null);
  /**
   * Requires the feature "session-persistence.v1".
   */
  'session'?: (_remora_v1_SessionPersistence | null);
}

export interface HttpRule__Output {
  /**
   * "<kind>/<namespace>/<name>/<rule name or index>", for logs and metrics.
   */
  'name': (string);
  /**
   * Any of these; none means every request.
   */
  'matches': (_remora_v1_HttpMatch__Output)[];
  'backends': (_remora_v1_Backend__Output)[];
  'policy': (_remora_v1_Policy__Output | null);
  'filters': (_remora_v1_Filters__Output | null);
  /**
   * Requires the feature "session-persistence.v1".
   */
  'session': (_remora_v1_SessionPersistence__Output | null);
}
