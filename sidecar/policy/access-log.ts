import type { MeshError } from '../../runtime/errors.ts';
import { describeError } from '../../runtime/errors.ts';
import type { RequestEntry } from '../access-log/entry.ts';
import type { HttpContext } from '../context.ts';
import type { Exchange } from '../exchange.ts';
import type { RequestHead, RequestMessage } from '../message.ts';
import { UNKNOWN_PARTY } from '../telemetry/types.ts';
import type { Peer } from '../transport.ts';
import type { Layer } from './layer.ts';
import { statusOf } from './respond.ts';
import { traceIdOf } from './trace-context.ts';

const NOBODY: Peer = { address: '', port: 0, identity: undefined, workload: undefined };

/** What is known of a request before anything of it was read. */
const BLANK: Readonly<RequestEntry> = {
  direction: 'outbound',
  protocol: 'http1',
  outcome: 'refused',
  errorCode: '',
  error: '',
  bytesIn: 0,
  bytesOut: 0,
  durationMs: 0,
  service: '',
  source: UNKNOWN_PARTY,
  destination: UNKNOWN_PARTY,
  client: NOBODY,
  upstream: '',
  mutualTls: false,
  peerIdentity: '',
  method: '',
  authority: '',
  path: '',
  query: undefined,
  status: 0,
  grpcStatus: undefined,
  responseHeadMs: undefined,
  attempts: 0,
  route: '',
  traceId: '',
  userAgent: '',
  requestId: '',
};

/** One for all: the log reads it during the call only. */
const entry: RequestEntry = { ...BLANK };

/** One line for each exchange, when it is over. Not in the list where nobody asked for it. */
export const accessLog: Layer = {
  name: 'access-log',
  onAttemptEnd(exchange) {
    // A response that breaks off was counted when it began.
    if (exchange.outcome !== undefined || exchange.status > 0) return;
    exchange.attemptEndedMs = exchange.context.clock.monotonicMs();
  },
  onEnd(exchange) {
    const { context, outcome } = exchange;
    if (context.accessLog === undefined || outcome === undefined) return;
    entry.direction = context.direction;
    entry.protocol = protocolOf(exchange.request);
    entry.outcome = outcome.kind;
    entry.errorCode = exchange.errorCode || exchange.peerErrorCode;
    entry.error = 'error' in outcome ? describeError(outcome.error) : '';
    entry.status = exchange.status;
    entry.grpcStatus = exchange.grpcStatus;
    entry.bytesIn = exchange.requestBytes;
    entry.bytesOut = exchange.responseBytes;
    entry.durationMs = context.clock.monotonicMs() - exchange.startedMs;
    entry.responseHeadMs = responseHeadMs(exchange);
    entry.attempts = exchange.attempts;
    entry.service = exchange.service;
    entry.route = exchange.routeName;
    entry.client = exchange.peer;
    fillRequest(exchange.request);
    fillParties(exchange);
    if (exchange.traceId !== '') entry.traceId = exchange.traceId;
    context.accessLog.request(entry);
  },
};

/**
 * Of a request that never became an exchange.
 *
 * @param head undefined when what came is no head
 */
export function logRefusal(
  context: HttpContext,
  protocol: 'http1' | 'http2',
  client: Peer,
  error: MeshError,
  requestBytes: number,
  responseBytes: number,
  head?: RequestHead,
): void {
  if (context.accessLog === undefined) return;
  Object.assign(entry, BLANK);
  entry.direction = context.direction;
  entry.protocol = protocol;
  entry.errorCode = error.code;
  entry.error = describeError(error);
  entry.status = statusOf(error);
  entry.bytesIn = requestBytes;
  entry.bytesOut = responseBytes;
  entry.source = context.source;
  entry.client = client;
  entry.mutualTls = context.mutualTls;
  entry.peerIdentity = client.identity ?? '';
  if (head !== undefined) fillRequest(head);
  context.accessLog.request(entry);
}

function fillRequest(head: RequestHead): void {
  entry.method = head.method;
  entry.authority = authorityOf(head);
  entry.path = head.path;
  entry.query = head.query;
  entry.traceId = traceIdOf(head);
  entry.userAgent = head.header('user-agent') ?? '';
  entry.requestId = head.header('x-request-id') ?? '';
}

function fillParties(exchange: Exchange): void {
  const { context, upstream, peer } = exchange;
  entry.source = context.source;
  entry.destination = exchange.destination;
  entry.mutualTls = exchange.mutualTls;
  const other = context.direction === 'inbound' ? peer : upstream;
  entry.peerIdentity = other?.identity ?? '';
  // One that was not reached has an address, and the error says the port.
  const address = upstream?.endpoint.address ?? exchange.tried.at(-1)?.address ?? '';
  entry.upstream = withPort(address, upstream?.port);
}

/** Undefined when the client got no head of an application. */
function responseHeadMs(exchange: Exchange): number | undefined {
  if (exchange.status === 0 || exchange.outcome?.kind === 'refused') return undefined;
  return exchange.attemptEndedMs - exchange.startedMs;
}

function protocolOf({ version, isGrpc }: RequestMessage): RequestEntry['protocol'] {
  if (isGrpc) return 'grpc';
  return version === 1 ? 'http1' : 'http2';
}

function authorityOf({ host, port }: RequestHead): string {
  return withPort(host, port);
}

function withPort(host: string, port: number | undefined): string {
  if (port === undefined) return host;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
