import { STATUS_CODES } from 'node:http';
import type { MeshError } from '../../runtime/errors.ts';
import { grpcStatusOfHttp } from '../grpc/status.ts';
import { fieldsOf, PolicyRefusal } from './refusal.ts';

/** The one place where an error becomes a status. */
const STATUS: { readonly [code: string]: number } = {
  // The request is not understood, or could be understood in two ways.
  'bad-head': 400,
  'bad-target': 400,
  'bad-host': 400,
  'bad-framing': 400,
  'bad-chunk': 400,
  'ambiguous-path': 400,
  'not-a-proxy-request': 400,
  'destination-not-allowed': 403,
  'egress-refused': 403,
  'head-timeout': 408,
  'body-too-large': 413,
  'unsupported-expectation': 417,
  'head-too-large': 431,
  'unsupported-transfer-coding': 501,
  'connect-unsupported': 501,
  'unsupported-version': 505,

  // Nobody is configured to take it.
  'no-route': 404,
  'invalid-backend': 500,

  // Nobody is there to take it.
  'no-endpoints': 503,
  'no-healthy-endpoint': 503,
  'endpoints-unknown': 503,
  'connect-failed': 503,
  'peer-identity-mismatch': 503,
  'tls-failed': 503,

  // A limit of the policy is reached.
  'too-many-connections': 503,
  'too-many-pending': 503,
  'too-many-requests': 503,
  'pending-timeout': 503,
  'rate-limit-unavailable': 503,

  // Whoever took it did not answer well, or not in time.
  'upstream-reset': 502,
  'upstream-refused': 503,
  'upstream-protocol-error': 502,
  'connect-timeout': 504,
  'attempt-timeout': 504,
  'request-timeout': 504,
  'idle-timeout': 504,
};

export const ERROR_HEADER = 'x-remora-error';

/** An error whose code is not in the table is a fault of ours. */
export function statusOf(error: MeshError): number {
  if (error instanceof PolicyRefusal) return error.status;
  return STATUS[error.code] ?? 500;
}

/** The same for a call of gRPC. */
export function grpcStatusOf(error: MeshError): number {
  if (error instanceof PolicyRefusal) return error.grpcStatus;
  return grpcStatusOfHttp(statusOf(error));
}

/**
 * A whole response of HTTP/1.1 to a request that Remora ended: status, stable code, one sentence.
 *
 * @param method of the request: HEAD gets no body
 * @param connection the value of Connection, when something is to be said
 */
export function encodeErrorResponse(
  error: MeshError,
  method: string,
  connection: string | undefined,
): Buffer {
  const status = statusOf(error);
  const body = `${error.message}\n`;
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    `${ERROR_HEADER}: ${error.code}`,
    'content-type: text/plain; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    ...fieldsOf(error).map(([name, value]) => `${name}: ${value}`),
  ];
  if (connection !== undefined) lines.push(`connection: ${connection}`);
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${method === 'HEAD' ? '' : body}`);
}
