import type { MeshError } from '../../runtime/errors.ts';
import { encodeGrpcMessage } from '../grpc/message.ts';
import { type HeaderField, headerField, literalField } from '../http2/header-field.ts';
import { fieldsOf } from '../policy/refusal.ts';
import { ERROR_HEADER, grpcStatusOf, statusOf } from '../policy/respond.ts';

const OK = headerField(':status', '200');
const GRPC_TYPE = headerField('content-type', 'application/grpc');
const TEXT_TYPE = headerField('content-type', 'text/plain; charset=utf-8');

/** A response to a request that Remora ended. */
export interface ErrorResponse {
  readonly status: number;
  readonly fields: readonly HeaderField[];
  /** Undefined where the head says it all. */
  readonly body: Buffer | undefined;
}

/**
 * What a client of HTTP/2 is told: status, stable code and one sentence; a client
 * of gRPC the same in trailers that are all of the response.
 *
 * @param method of the request: HEAD gets no body
 */
export function errorResponse(error: MeshError, method: string, isGrpc: boolean): ErrorResponse {
  if (isGrpc) {
    return { status: 200, fields: [OK, GRPC_TYPE, ...grpcOutcome(error)], body: undefined };
  }
  const status = statusOf(error);
  const body = Buffer.from(`${error.message}\n`);
  const fields = [
    headerField(':status', String(status)),
    headerField(ERROR_HEADER, error.code),
    TEXT_TYPE,
    headerField('content-length', String(body.length)),
    ...ownFields(error),
  ];
  return { status, fields, body: method === 'HEAD' ? undefined : body };
}

/** The trailers of a gRPC call that Remora ended, also in the middle of its response. */
export function grpcOutcome(error: MeshError): HeaderField[] {
  return [
    headerField('grpc-status', String(grpcStatusOf(error))),
    literalField('grpc-message', encodeGrpcMessage(error.message)),
    headerField(ERROR_HEADER, error.code),
    ...ownFields(error),
  ];
}

function ownFields(error: MeshError): HeaderField[] {
  return fieldsOf(error).map(([name, value]) => literalField(name, value));
}
