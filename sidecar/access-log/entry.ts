import type { Direction, Party } from '../telemetry/types.ts';
import type { Peer } from '../transport.ts';

/** How a request or a connection ended. */
export type EndKind =
  /** As both sides meant it to. */
  | 'completed'
  /** A rule answered, in the place of any application. */
  | 'answered'
  /** Remora answered by itself, or found nobody to connect to. */
  | 'refused'
  /** It broke in the middle. */
  | 'cut'
  /** The client went away before it had an answer. */
  | 'abandoned';

/** What the line of a request and that of a connection have in common. Texts are empty when unknown. */
interface Entry {
  direction: Direction;
  protocol: 'http1' | 'http2' | 'grpc' | 'tcp' | 'tls';
  outcome: EndKind;
  /** The stable code when a sidecar ended it, and the sentence when it was this one. */
  errorCode: string;
  error: string;
  /** From the client, heads and bodies. */
  bytesIn: number;
  /** To the client. */
  bytesOut: number;
  durationMs: number;
  /** `<namespace>/<name>` */
  service: string;
  source: Party;
  destination: Party;
  /** Who opened the connection. */
  client: Peer;
  /** `host:port` that answered, or that was tried last. */
  upstream: string;
  mutualTls: boolean;
  /** The SPIFFE ID that the other sidecar proved. */
  peerIdentity: string;
}

/** One request. */
export interface RequestEntry extends Entry {
  method: string;
  authority: string;
  /** Without the query. */
  path: string;
  query: string | undefined;
  /** What the client got; 0 when it got nothing. */
  status: number;
  /** The outcome of a gRPC call, once it is known. */
  grpcStatus: number | undefined;
  /** From the request's head to the head of the response; undefined when none came from an application. */
  responseHeadMs: number | undefined;
  attempts: number;
  route: string;
  traceId: string;
  userAgent: string;
  requestId: string;
}

/** One connection that carried something else than HTTP. */
export interface ConnectionEntry extends Entry {
  /** `host:port` for which it was meant. */
  originalDestination: string;
  /** What the ClientHello named, when the application speaks TLS by itself. */
  serverName: string;
  alpn: readonly string[];
}
