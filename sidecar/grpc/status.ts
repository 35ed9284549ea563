/**
 * The outcome of a gRPC call, `grpc-status`
 * (https://grpc.github.io/grpc/core/md_doc_statuscodes.html), as far as a proxy
 * speaks of it.
 */
export const GRPC = {
  ok: 0,
  unknown: 2,
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;

/** By number. */
const NAMES: readonly string[] = [
  'OK',
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
];

/** By status of HTTP. What is not in it is unknown. */
const BY_HTTP_STATUS: ReadonlyMap<number, number> = new Map([
  [400, GRPC.internal],
  [401, GRPC.unauthenticated],
  [403, GRPC.permissionDenied],
  [404, GRPC.unimplemented],
  [408, GRPC.deadlineExceeded],
  [413, GRPC.resourceExhausted],
  [417, GRPC.internal],
  [429, GRPC.resourceExhausted],
  [431, GRPC.resourceExhausted],
  [500, GRPC.internal],
  [501, GRPC.unimplemented],
  [502, GRPC.unavailable],
  [503, GRPC.unavailable],
  [504, GRPC.deadlineExceeded],
]);

/** The status of HTTP that says the same, by number. */
const TO_HTTP_STATUS: readonly number[] = [
  200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401,
];

export function grpcStatusName(grpcStatus: number): string {
  return NAMES[grpcStatus] ?? 'UNKNOWN';
}

/** How a call ends for which there is only a status of HTTP. */
export function grpcStatusOfHttp(status: number): number {
  return BY_HTTP_STATUS.get(status) ?? GRPC.unknown;
}

/** For rules that speak of statuses of HTTP. */
export function httpStatusOfGrpc(grpcStatus: number): number {
  return TO_HTTP_STATUS[grpcStatus] ?? 500;
}

/** The server is to blame, as with 5xx. */
export function isGrpcServerError(grpcStatus: number): boolean {
  switch (grpcStatus) {
    case GRPC.unknown:
    case GRPC.deadlineExceeded:
    case GRPC.internal:
    case GRPC.unavailable:
    case GRPC.dataLoss:
      return true;
    default:
      return false;
  }
}

/** The value of `grpc-status`. What is no such number counts as unknown, as clients have it. */
export function parseGrpcStatus(text: string): number {
  if (!/^[0-9]{1,2}$/.test(text)) return GRPC.unknown;
  const grpcStatus = Number(text);
  return grpcStatus < NAMES.length ? grpcStatus : GRPC.unknown;
}
