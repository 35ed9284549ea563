import { MeshError } from '../../runtime/errors.ts';
import { httpStatusOfGrpc } from '../grpc/status.ts';
import type { ResponseHead } from '../message.ts';
import type { AttemptFailure } from './layer.ts';
import { ERROR_HEADER } from './respond.ts';

/**
 * What the sidecar of an endpoint says when nothing came to the application: it does not
 * answer, or the sidecar does not take what the trunk brought (`trunk/server-session.ts`).
 */
const UNREACHED_CODES: ReadonlySet<string> = new Set([
  'connect-failed',
  'destination-not-allowed',
  'bad-trunk-request',
  'source-mismatch',
]);
const UNREACHED_STATUS = 503;

/**
 * What the head of a response says of its attempt. A sidecar that could not reach its
 * application says so under a name that no application can use; that is as if there
 * had been no connection.
 */
export function failureOf(response: ResponseHead, mutualTls: boolean): AttemptFailure {
  const { grpcStatus } = response;
  const status = grpcStatus === undefined ? response.status : httpStatusOfGrpc(grpcStatus);
  if (mutualTls && status === UNREACHED_STATUS) {
    const code = response.header(ERROR_HEADER);
    if (code !== undefined && UNREACHED_CODES.has(code)) {
      const sentence = 'the sidecar of the endpoint did not reach its application';
      return { kind: 'connect', error: new MeshError('connect-failed', sentence), status };
    }
  }
  return { kind: 'status', status, grpcStatus, response };
}

/** Where another answer may still come, this one is not the one to take. */
export function isServerFailure(failure: AttemptFailure): boolean {
  return failure.kind !== 'status' || failure.status >= 500;
}

/** For the counts. */
export function reasonOf(failure: AttemptFailure): string {
  if (failure.kind !== 'status') return failure.error.code;
  const { status, grpcStatus } = failure;
  return grpcStatus === undefined ? String(status) : `grpc-${grpcStatus}`;
}
