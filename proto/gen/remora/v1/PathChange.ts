export interface PathChange {
  'full'?: (string);
  /**
   * In the place of the prefix that the rule's match names.
   */
  'prefix'?: (string);
  'change'?: "full"|"prefix";
}

export interface PathChange__Output {
  'full'?: (string);
  /**
   * In the place of the prefix that the rule's match names.
   */
  'prefix'?: (string);
  'change'?: "full"|"prefix";
}
