import type { MeshError } from '../../runtime/errors.ts';
import type { HeaderField } from '../http2/header-field.ts';
import type { Http2Stream, StreamHandler } from '../http2/types.ts';
import type { OwnedTransport, Peer, PeerWorkload } from '../transport.ts';

/**
 * The trunk carries byte streams between two sidecars inside mutual TLS. These
 * are its two sides; what runs between them is nobody else's business.
 */
export interface TrunkConnector {
  /**
   * Opens a stream to an application behind a peer's sidecar.
   *
   * Error codes: `connect-failed`, `connect-timeout`, `peer-identity-mismatch`.
   */
  open(request: TrunkRequest): Promise<OwnedTransport>;

  /**
   * Connects to a peer's sidecar for HTTP/2 requests to an application behind it,
   * each of which is a stream by itself. Rejects as `open` does.
   */
  connectHttp2(request: TrunkRequest): Promise<TrunkHttp2>;
}

/**
 * HTTP/2 to one application behind a peer's sidecar, over a connection of the trunk that
 * others use as well. Whoever asked for it watches it until it takes no more, or leaves it.
 */
export interface TrunkHttp2 {
  readonly peer: Peer;
  /** A request can be opened now. */
  readonly available: boolean;
  /** No request can be opened any more, ever: connect anew. Those that are open go on. */
  readonly finished: boolean;

  watch(watcher: TrunkHttp2Watcher): void;
  /** No request will be opened any more, and nothing needs to be told. */
  leave(): void;

  /**
   * Opens a request. What the fields say in the trunk's own names is left out.
   * A refusal by the peer's sidecar is a response with `x-remora-error`.
   *
   * @throws MeshError `connection-reset` when not `available`
   */
  open(fields: readonly HeaderField[], endStream: boolean, handler: StreamHandler): Http2Stream;
}

export interface TrunkHttp2Watcher {
  /** `available` became true again. */
  onAvailable(): void;
  /** `finished` became true. */
  onFinished(): void;
}

export interface TrunkRequest {
  readonly address: string;
  /** Where the peer's sidecar listens. */
  readonly trunkPort: number;
  /** The SPIFFE ID that the peer has to prove. */
  readonly identity: string;
  /** The application's port at that address. */
  readonly port: number;
  /** 0 means no limit. */
  readonly timeoutMs: number;
  /**
   * The transport may be used before the peer has answered, which saves a round
   * trip. For what may be sent twice: when no answer comes, nobody knows whether
   * the application got it. The transport then closes with one of the error codes.
   */
  readonly early?: boolean;
}

/** A stream that a peer asks for. Ends with `accept` or `refuse`. */
export interface TrunkStream {
  readonly destination: { readonly host: string; readonly port: number };
  readonly peer: Peer;
  accept(): OwnedTransport;
  /** @param code a stable error code, which the opener sees */
  refuse(code: string): void;
  /** The opener went away before an answer. */
  onAbort: (() => void) | undefined;
}

/** A peer is going to send HTTP/2 requests for one application, as streams of the trunk. */
export interface TrunkHttp2Client {
  readonly destination: { readonly host: string; readonly port: number };
  readonly peer: Peer;
  /** Nothing came for long: the next request asks anew who serves it. */
  forget(): void;
}

/** Takes the requests of one peer for one application. */
export interface TrunkHttp2Server {
  /** None of its requests is under way. */
  readonly idle: boolean;
  /** A request; the fields come without the trunk's own. */
  onStream(stream: Http2Stream, fields: readonly HeaderField[], endStream: boolean): StreamHandler;
  /** None comes any more, and those that came are over. */
  onClose(): void;
}

/** Finds who takes the requests, or the reason why nobody does. */
export type TrunkHttp2Acceptor = (client: TrunkHttp2Client) => TrunkHttp2Server | MeshError;

/** What this sidecar says of itself to its peers, for their metrics. */
export type SelfDescription = () => PeerWorkload;
