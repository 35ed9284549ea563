import type { HeaderChanges as _remora_v1_HeaderChanges, HeaderChanges__Output as _remora_v1_HeaderChanges__Output } from '../../remora/v1/HeaderChanges.ts';
import type { Redirect as _remora_v1_Redirect, Redirect__Output as _remora_v1_Redirect__Output } from '../../remora/v1/Redirect.ts';
import type { Rewrite as _remora_v1_Rewrite, Rewrite__Output as _remora_v1_Rewrite__Output } from '../../remora/v1/Rewrite.ts';
import type { Cors as _remora_v1_Cors, Cors__Output as _remora_v1_Cors__Output } from '../../remora/v1/Cors.ts';
import type { Mirror as _remora_v1_Mirror, Mirror__Output as _remora_v1_Mirror__Output } from '../../remora/v1/Mirror.ts';

/**
 * What a rule, or one of its backends, does to the messages that it takes.
 */
export interface Filters {
  'requestHeaders'?: (_remora_v1_HeaderChanges | null);
  'responseHeaders'?: (_remora_v1_HeaderChanges | null);
  /**
   * Answers instead of any backend.
   */
  'redirect'?: (_remora_v1_Redirect | null);
  'rewrite'?: (_remora_v1_Rewrite | null);
  'cors'?: (_remora_v1_Cors | null);
  'mirrors'?: (_remora_v1_Mirror)[];
}

/**
 * What a rule, or one of its backends, does to the messages that it takes.
 */
export interface Filters__Output {
  'requestHeaders': (_remora_v1_HeaderChanges__Output | null);
  'responseHeaders': (_remora_v1_HeaderChanges__Output | null);
  /**
   * Answers instead of any backend.
   */
  'redirect': (_remora_v1_Redirect__Output | null);
  'rewrite': (_remora_v1_Rewrite__Output | null);
  'cors': (_remora_v1_Cors__Output | null);
  'mirrors': (_remora_v1_Mirror__Output)[];
}
