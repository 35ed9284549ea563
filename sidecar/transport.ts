import { MeshError } from '../runtime/errors.ts';

/**
 * A byte pipe with backpressure: a TCP socket, a TLS socket, or a stream of the
 * trunk. Nothing above it knows which. It may be half-closed in each direction.
 *
 * A transport starts paused; bytes arrive after `resume`. Its handler can be
 * replaced at any time between two callbacks, which is how a connection passes
 * from detection to a codec.
 */
export interface Transport {
  readonly peer: Peer;
  /**
   * Of what was written, how much the transport may still read. At 0 the writer can
   * use its memory again; where it is undefined nobody knows.
   */
  readonly unsentBytes?: number;

  attach(handler: TransportHandler): void;

  /**
   * Takes the bytes; the caller must not change them afterwards. False asks to
   * wait for `onDrain`; the bytes are taken nonetheless.
   */
  write(bytes: Buffer): boolean;

  /** No more bytes from us; the other direction stays open. */
  end(): void;

  /**
   * Both directions end now, and `onClose` follows. With an error the peer is told by a
   * reset, behind what was written in this turn as far as it goes out at once; otherwise
   * what was written and not sent is lost.
   */
  destroy(error?: Error): void;

  pause(): void;
  resume(): void;
}

/** A connection as those see it who count connections. */
export interface CountedConnection {
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Called once, when it is over. */
  onCounted: (() => void) | undefined;
}

/** A transport as those see it who make, lend and count transports. */
export interface OwnedTransport extends Transport, CountedConnection {
  /** Nothing new can be asked of it: ended, closed, or its carrier is being retired. */
  readonly finished: boolean;
  /** Called once, after the handler's own `onClose`. */
  onClosed: (() => void) | undefined;
}

export interface TransportHandler {
  /** The receiver owns the bytes. */
  onData(bytes: Buffer): void;
  /** The peer sends no more; writing is still possible. */
  onEnd(): void;
  onDrain(): void;
  /** Both directions are over. Called once, and nothing is called after it. */
  onClose(error: Error | undefined): void;
}

/**
 * The reason why a transport closed says that it never came about. Such a transport
 * is handed out only to who may send again what it wrote (`TrunkRequest.early`).
 */
export function neverOpened(error: Error | undefined): error is MeshError {
  return (
    error instanceof MeshError &&
    (error.code === 'connect-failed' ||
      error.code === 'connect-timeout' ||
      error.code === 'peer-identity-mismatch')
  );
}

/** Who is at the other end. */
export interface Peer {
  readonly address: string;
  readonly port: number;
  /** The SPIFFE ID that mTLS proved; undefined on plain text. */
  readonly identity: string | undefined;
  /** What a trunk's opener says of itself; its namespace was checked against the identity. */
  readonly workload: PeerWorkload | undefined;
}

export interface PeerWorkload {
  readonly namespace: string;
  readonly workload: string;
}
