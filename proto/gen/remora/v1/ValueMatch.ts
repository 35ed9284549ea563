export interface ValueMatch {
  'name'?: (string);
  'exact'?: (string);
  /**
   * RE2, of the whole value.
   */
  'expression'?: (string);
  'match'?: "exact"|"expression";
}

export interface ValueMatch__Output {
  'name': (string);
  'exact'?: (string);
  /**
   * RE2, of the whole value.
   */
  'expression'?: (string);
  'match'?: "exact"|"expression";
}
