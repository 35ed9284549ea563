/**
 * Names of the failures of gRPC, by number from 1; 0 is OK
 * (https://grpc.github.io/grpc/core/md_doc_statuscodes.html).
 */
export const GRPC_FAILURES = [
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

export function grpcFailureNumber(name: (typeof GRPC_FAILURES)[number]): number {
  return GRPC_FAILURES.indexOf(name) + 1;
}
