import type { PathChange as _remora_v1_PathChange, PathChange__Output as _remora_v1_PathChange__Output } from '../../remora/v1/PathChange.ts';

/**
 * What is empty or absent stays as the client asked for it.
 */
export interface Redirect {
  'scheme'?: (string);
  'hostname'?: (string);
  'path'?: (_remora_v1_PathChange | null);
  /**
   * 0: that of the scheme if there is one, else the port that was called.
   */
  'port'?: (number);
  'status'?: (number);
}

/**
 * What is empty or absent stays as the client asked for it.
 */
export interface Redirect__Output {
  'scheme': (string);
  'hostname': (string);
  'path': (_remora_v1_PathChange__Output | null);
  /**
   * 0: that of the scheme if there is one, else the port that was called.
   */
  'port': (number);
  'status': (number);
}
