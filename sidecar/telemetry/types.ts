/**
 * What the data path tells of itself. The receiver counts; it must not throw and
 * must not block. Records are read during the call only, so a caller may reuse one.
 */
export interface TrafficObserver {
  requestFinished(record: RequestRecord): void;
  connectionOpened(record: ConnectionRecord): void;
  connectionClosed(record: ConnectionRecord, bytesSent: number, bytesReceived: number): void;
  /** A request was tried again. */
  retried(service: string, reason: string): void;
  /** A request was sent to a second endpoint too, and what became of that; or it was not, for want of budget. */
  hedged(service: string, outcome: HedgeOutcome): void;
  /** A request or connection was refused because a limit of its policy was reached: by its stable code. */
  limitReached(service: string, code: string): void;
  /** A fault was done to a request on purpose: `delay`, `abort` or `bandwidth`. */
  faultInjected(service: string, fault: string): void;
  /** A rate limit for all sidecars could not be asked about. */
  rateLimitStoreFailed(service: string, reason: string): void;
  /** A connection, or a request to the world outside, was refused by a rule: by service or `host:port`. */
  refused(destination: string, code: string): void;
  /** An endpoint was taken out of the balancer, or came back. */
  ejected(service: string, endpoint: string): void;
  restored(service: string, endpoint: string): void;
}

/**
 * What becomes of a second try beside the first: it answered first, was not needed, or
 * failed as long as the other might answer.
 */
export type HedgeOutcome = 'won' | 'lost' | 'failed' | 'over-budget';

export type Direction = 'outbound' | 'inbound';

export interface Party {
  readonly namespace: string;
  readonly workload: string;
}

export const UNKNOWN_PARTY: Party = { namespace: 'unknown', workload: 'unknown' };

export interface RequestRecord {
  direction: Direction;
  source: Party;
  destination: Party;
  /** `<namespace>/<name>`, empty when no service was called. */
  service: string;
  /** The HTTPRoute rule that took it, or empty. */
  route: string;
  mutualTls: boolean;
  method: string;
  /** What the client got; 0 when it got no response. */
  status: number;
  /** The outcome of a gRPC call; undefined of every other request, and when it was not told. */
  grpcStatus: number | undefined;
  /** The stable code when Remora ended it, else empty. */
  errorCode: string;
  durationMs: number;
  /** Bodies and heads, as on the wire. */
  requestBytes: number;
  responseBytes: number;
}

export interface ConnectionRecord {
  direction: Direction;
  source: Party;
  destination: Party;
  service: string;
  mutualTls: boolean;
  protocol: 'http' | 'tcp';
}
