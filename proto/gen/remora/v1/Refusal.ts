export interface Refusal {
  'election'?: (string);
  'reason'?: (string);
}

export interface Refusal__Output {
  'election': (string);
  'reason': (string);
}
