import type { MeshError } from '../../runtime/errors.ts';
import type { HttpContext } from '../context.ts';
import { type RequestRecord, UNKNOWN_PARTY } from '../telemetry/types.ts';
import type { Layer } from './layer.ts';
import { statusOf } from './respond.ts';

/** One for all: observers read it during the call only. */
const record: RequestRecord = {
  direction: 'outbound',
  source: UNKNOWN_PARTY,
  destination: UNKNOWN_PARTY,
  service: '',
  route: '',
  mutualTls: false,
  method: '',
  status: 0,
  grpcStatus: undefined,
  errorCode: '',
  durationMs: 0,
  requestBytes: 0,
  responseBytes: 0,
};

/** Tells the observer of every exchange, once, when it is over. */
export const metrics: Layer = {
  name: 'metrics',
  onEnd(exchange) {
    const { context } = exchange;
    record.direction = context.direction;
    record.source = context.source;
    record.destination = exchange.destination;
    record.service = exchange.service;
    record.route = exchange.routeName;
    record.mutualTls = exchange.mutualTls;
    record.method = exchange.request.method;
    record.status = exchange.status;
    record.grpcStatus = exchange.grpcStatus;
    record.errorCode = exchange.errorCode;
    record.durationMs = context.clock.monotonicMs() - exchange.startedMs;
    record.requestBytes = exchange.requestBytes;
    record.responseBytes = exchange.responseBytes;
    context.observer.requestFinished(record);
  },
};

/** Of a request whose head was refused, so that it never became an exchange. */
export function recordRefusedHead(
  context: HttpContext,
  error: MeshError,
  requestBytes: number,
  responseBytes: number,
): void {
  record.direction = context.direction;
  record.source = context.source;
  record.destination = UNKNOWN_PARTY;
  record.service = '';
  record.route = '';
  record.mutualTls = context.mutualTls;
  record.method = '';
  record.status = statusOf(error);
  record.grpcStatus = undefined;
  record.errorCode = error.code;
  record.durationMs = 0;
  record.requestBytes = requestBytes;
  record.responseBytes = responseBytes;
  context.observer.requestFinished(record);
}
