import type { ValueMatch as _remora_v1_ValueMatch, ValueMatch__Output as _remora_v1_ValueMatch__Output } from '../../remora/v1/ValueMatch.ts';

export interface HttpMatch {
  'exact'?: (string);
  /**
   * By segment: "/a" takes "/a" and "/a/b", not "/ab".
   */
  'prefix'?: (string);
  'method'?: (string);
  'headers'?: (_remora_v1_ValueMatch)[];
  'query'?: (_remora_v1_ValueMatch)[];
  /**
   * RE2, of the whole path.
   */
  'pathExpression'?: (string);
  'path'?: "exact"|"prefix"|"pathExpression";
}

export interface HttpMatch__Output {
  'exact'?: (string);
  /**
   * By segment: "/a" takes "/a" and "/a/b", not "/ab".
   */
  'prefix'?: (string);
  'method': (string);
  'headers': (_remora_v1_ValueMatch__Output)[];
  'query': (_remora_v1_ValueMatch__Output)[];
  /**
   * RE2, of the whole path.
   */
  'pathExpression'?: (string);
  'path'?: "exact"|"prefix"|"pathExpression";
}
