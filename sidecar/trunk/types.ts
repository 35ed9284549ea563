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

/** What this sidecar says of itself to its peers, for their metrics. */
export type SelfDescription = () => PeerWorkload;
