import { randomUUID } from 'node:crypto';
import type { Exchange } from '../exchange.ts';
import type { RequestHead } from '../message.ts';
import type { Layer } from './layer.ts';

/**
 * Between two sidecars only: the id under which both log a request that is part of
 * no trace. What an application sends under that name was dropped by the parser.
 */
const SIDECAR_FIELD = 'x-remora-trace-id';

/**
 * W3C Trace Context, level 1, as a proxy does it that records no spans (§3.4): a
 * valid context goes on unchanged, byte by byte. A traceparent that nobody can read
 * restarts the trace: it is dropped, and with it the tracestate, which means nothing
 * alone (§4.3).
 *
 * No traceparent is made. It would name a parent that nobody recorded, and its
 * flags would decide for the tracer of the application, which by default takes
 * "not sampled" from any caller and records nothing.
 */
export const traceContext: Layer = {
  name: 'trace-context',
  onRequest(exchange) {
    const { request, context } = exchange;
    exchange.traceId = traceIdOf(request);
    if (exchange.traceId !== '') return undefined;
    request.removeField('traceparent');
    request.removeField('tracestate');
    if (context.accessLog !== undefined) agreeOnId(exchange);
    return undefined;
  },
};

/** The lines of both sidecars can then be joined, and no application notices. */
function agreeOnId(exchange: Exchange): void {
  if (exchange.context.direction === 'outbound') {
    exchange.traceId = randomUUID().replaceAll('-', '');
    exchange.request.addField(SIDECAR_FIELD, exchange.traceId, true);
  } else if (exchange.peer.identity !== undefined) {
    const told = exchange.request.header(SIDECAR_FIELD) ?? '';
    if (TRACE_ID.test(told)) exchange.traceId = told;
  }
}

/** Of a valid traceparent; else empty. */
export function traceIdOf(request: RequestHead): string {
  // Two fields of that name come joined by a comma, which no version allows.
  return readTraceparent(request.header('traceparent') ?? '');
}

const TRACE_ID = /^[0-9a-f]{32}$/;
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/;
const NO_TRACE = '0'.repeat(32);
const NO_PARENT = '0'.repeat(16);

/**
 * §3.2. Of later versions the parts that this one knows are read, and what follows
 * them behind a dash is not looked at (§3.3).
 */
function readTraceparent(value: string): string {
  const match = TRACEPARENT.exec(value);
  if (match === null) return '';
  const [, version, traceId = '', parentId, rest] = match;
  if (version === 'ff' || (version === '00' && rest !== undefined)) return '';
  return traceId === NO_TRACE || parentId === NO_PARENT ? '' : traceId;
}
