export interface ValueMatch {
  'name'?: (string);
  'exact'?: (string);
}

export interface ValueMatch__Output {
  'name': (string);
  'exact': (string);
}
