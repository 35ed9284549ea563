export interface EndpointPort {
  'servicePort'?: (number);
  'targetPort'?: (number);
}

export interface EndpointPort__Output {
  'servicePort': (number);
  'targetPort': (number);
}
