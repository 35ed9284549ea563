/**
 * Calls of gRPC and other requests are each told in their own terms what says the same.
 */
export interface FaultAbort {
  'httpStatus'?: (number);
  'grpcStatus'?: (number);
  'partsPerMillion'?: (number);
  'status'?: "httpStatus"|"grpcStatus";
}

/**
 * Calls of gRPC and other requests are each told in their own terms what says the same.
 */
export interface FaultAbort__Output {
  'httpStatus'?: (number);
  'grpcStatus'?: (number);
  'partsPerMillion': (number);
  'status'?: "httpStatus"|"grpcStatus";
}
