import type { PathChange as _remora_v1_PathChange, PathChange__Output as _remora_v1_PathChange__Output } from '../../remora/v1/PathChange.ts';

export interface Rewrite {
  'hostname'?: (string);
  'path'?: (_remora_v1_PathChange | null);
}

export interface Rewrite__Output {
  'hostname': (string);
  'path': (_remora_v1_PathChange__Output | null);
}
