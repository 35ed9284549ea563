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

/** HTTP/2 to one application, over a connection of the trunk that others use as well. */
export interface TrunkHttp2 {
  readonly peer: Peer;
  /** Requests can be opened. Once it is false, connect anew. */
  readonly available: boolean;
  /**
   * Opens a request. What the fields say in the trunk's own names is left out.
   * A refusal by the peer's sidecar is a response with `x-remora-error`.
   *
   * @throws MeshError `connection-reset` when not `available`
   */
  open(fields: readonly HeaderField[], endStream: boolean, handler: StreamHandler): Http2Stream;
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

/** An HTTP/2 request of a peer that is a stream of the trunk by itself. */
export interface TrunkHttpRequest {
  readonly destination: { readonly host: string; readonly port: number };
  readonly peer: Peer;
  readonly stream: Http2Stream;
  /** Without the trunk's own. */
  readonly fields: readonly HeaderField[];
  readonly endStream: boolean;
}

/** Answers it, or refuses it with a response; gives who takes the stream from now on. */
export type TrunkRequestHandler = (request: TrunkHttpRequest) => StreamHandler;

/** What this sidecar says of itself to its peers, for their metrics. */
export type SelfDescription = () => PeerWorkload;
