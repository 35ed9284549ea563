import type { MeshError } from '../../runtime/errors.ts';
import type { Endpoint } from '../config/types.ts';
import type { HeaderField } from '../http2/header-field.ts';
import type { Http2Stream, StreamHandler } from '../http2/types.ts';
import type { CountedConnection, OwnedTransport, Transport } from '../transport.ts';

/**
 * Where requests for one port of one service go: its endpoints, the balancer
 * over them, the ejected ones, and a pool of idle connections to each. Lives as
 * long as the service and port exist; configurations come and go above it.
 */
export interface Cluster {
  /** `<namespace>/<name>:<port>` */
  readonly name: string;

  /**
   * Picks an endpoint and gives a connection to it, from the pool or new. One of
   * the callbacks is called, once, possibly before `acquire` returns.
   *
   * Error codes: `no-endpoints`, `no-healthy-endpoint`, `endpoints-unknown` (the
   * details have not arrived from the control plane), `connect-failed`,
   * `connect-timeout`, `peer-identity-mismatch`; where a limit is reached
   * `too-many-requests`, `too-many-connections`, `too-many-pending`, and
   * `pending-timeout` for who waited for a connection in vain.
   */
  acquire(request: AcquireRequest, waiter: AcquireWaiter): Acquisition;

  /** The same for HTTP/2, whose connections are shared: gives the place for one stream. */
  acquireStream(request: StreamRequirement, waiter: StreamWaiter): Acquisition;

  /** Another endpoint could be picked than those that were tried. */
  hasUntried(tried: readonly Endpoint[]): boolean;
}

export interface StreamRequirement {
  /** Endpoints that earlier tries of the same request used: avoided while there are others. */
  readonly tried: readonly Endpoint[];
  readonly connectTimeoutMs: number;
  /** Decides the endpoint where the policy asks for that; undefined where it does not, or finds none. */
  readonly hashKey?: string | undefined;
  /** Names the endpoint that is wanted before any other, as long as it can be had. */
  readonly session?: string | undefined;
}

export interface AcquireRequest extends StreamRequirement {
  /** False for a connection of its own, as opaque TCP and upgrades need. */
  readonly pooled: boolean;
  /**
   * What is sent may be sent twice: a new connection may be handed out before the
   * endpoint has accepted it. It then closes with the error (`neverOpened`).
   */
  readonly early?: boolean;
}

export interface AcquireWaiter {
  /** A new connection was made, before it is handed out; it may outlive the request. For the counts. */
  onDialed?(transport: OwnedTransport, endpoint: Endpoint, mutualTls: boolean): void;
  onConnection(connection: UpstreamConnection): void;
  /** `endpoint` is the one that could not be reached, when one was picked. */
  onError(error: MeshError, endpoint: Endpoint | undefined): void;
}

export interface StreamWaiter {
  /** As of {@link AcquireWaiter}; told to the one whose request made the connection necessary. */
  onDialed?(connection: CountedConnection, endpoint: Endpoint, mutualTls: boolean): void;
  onSlot(slot: StreamSlot): void;
  /** `endpoint` is the one that could not be reached, when one was picked. */
  onError(error: MeshError, endpoint: Endpoint | undefined): void;
}

export interface Acquisition {
  /** The waiter is not called any more; a connection under way goes to the pool. */
  cancel(): void;
}

/** Who answers a request or a connection. */
export interface Reached {
  readonly endpoint: Endpoint;
  /** On which the application of the endpoint answers. */
  readonly port: number;
  /** Protected by mTLS to the endpoint's own identity. */
  readonly mutualTls: boolean;
  /** The SPIFFE ID that the endpoint's sidecar proved. */
  readonly identity: string | undefined;
}

/** A transport on loan. Ends with exactly one `release` or `share`, or with the transport's `onClose`. */
export interface UpstreamConnection extends Reached {
  readonly transport: Transport;
  /** It carried a request before: a reset before any response byte may be staleness. */
  readonly reused: boolean;

  /** The head of a response came that is no 5xx. Feeds balancers that go by latency. */
  responded(): void;

  /** Feeds the balancer and the circuit breaker; once for each try. */
  report(outcome: AttemptOutcome): void;

  /** Back to the pool, or destroyed when the codec could not leave it clean. */
  release(reusable: boolean): void;

  /**
   * Instead of `release`: HTTP/2 is going to be spoken with the endpoint, so the
   * connection may carry the streams of all. Nothing was said to it.
   *
   * @param first what it has said
   */
  share(first: Buffer | undefined): void;
}

/** Room for one stream on a connection that others use as well. Ends with exactly one `release`. */
export interface StreamSlot extends Reached {
  /** The connection carried streams before: its loss may be staleness. */
  readonly reused: boolean;

  /** Once, and before `onSlot` returns: afterwards another request may have taken the room. */
  open(fields: readonly HeaderField[], endStream: boolean, handler: StreamHandler): Http2Stream;

  /** The endpoint said so many bytes, head or body: it lives. */
  heard(bytes: number): void;

  /** So many bytes were said to it. */
  said(bytes: number): void;

  /** As of {@link UpstreamConnection}; of a call of gRPC, that it has not failed by then. */
  responded(): void;

  /** Feeds the balancer and the circuit breaker; once for each try. */
  report(outcome: AttemptOutcome): void;

  /** The connection is worn out: no further request goes on it. */
  retire(): void;

  /** The stream is over. */
  release(): void;
}

export function isGatewayStatus(status: number): boolean {
  return status >= 502 && status <= 504;
}

/**
 * `error` counts against the endpoint: a 5xx of its application. So does
 * `gateway-error`: a reset, a timeout of the try, and what says that somebody on the
 * way had no answer from it (502, 503, 504). `cancelled` tells nothing of it, and
 * `outrun` that it took longer than the time so far: another endpoint answered first.
 */
export type AttemptOutcome = 'success' | 'error' | 'gateway-error' | 'cancelled' | 'outrun';
