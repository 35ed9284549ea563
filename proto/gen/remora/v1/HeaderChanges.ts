import type { Header as _remora_v1_Header, Header__Output as _remora_v1_Header__Output } from '../../remora/v1/Header.ts';

/**
 * Set, then added, then removed. Never those that concern framing, one hop,
 * the host, or trust.
 */
export interface HeaderChanges {
  'set'?: (_remora_v1_Header)[];
  'add'?: (_remora_v1_Header)[];
  'remove'?: (string)[];
}

/**
 * Set, then added, then removed. Never those that concern framing, one hop,
 * the host, or trust.
 */
export interface HeaderChanges__Output {
  'set': (_remora_v1_Header__Output)[];
  'add': (_remora_v1_Header__Output)[];
  'remove': (string)[];
}
