export interface Party {
  'namespace'?: (string);
  'workload'?: (string);
}

export interface Party__Output {
  'namespace': (string);
  'workload': (string);
}
