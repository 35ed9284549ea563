import type { MeshError } from '../../runtime/errors.ts';
import type { HeaderField } from './header-field.ts';

/**
 * One HTTP/2 connection (RFC 9113) on a transport, from either end. It knows
 * frames, header compression, flow control and the limits that keep a hostile
 * peer small; it knows no routes.
 */
export interface Http2Connection {
  /** Streams that are open now, whoever opened them. */
  readonly streamCount: number;
  /** A further stream may be opened at once: the peer's limit is not reached, and no GOAWAY came or went. */
  readonly available: boolean;
  /** The peer's first SETTINGS came. */
  readonly settled: boolean;

  /**
   * Client only. Opens a stream; the frames leave at the end of this turn of the event loop.
   *
   * @throws MeshError `connection-reset` when the connection is not `available`
   */
  open(fields: readonly HeaderField[], endStream: boolean, handler: StreamHandler): Http2Stream;

  /** `onPong` when the answer comes. */
  ping(onPong: () => void): void;

  /** GOAWAY: the peer opens no further streams; the connection closes with the last one. */
  drain(): void;

  /** Everything ends now; streams are told `error`. */
  destroy(error?: Error): void;
}

export interface ConnectionHandler {
  /**
   * Server only: a request whose fields passed RFC 9113 §8.1 to §8.3. The answer is
   * who takes the stream from now on.
   */
  onStream?(stream: Http2Stream, fields: readonly HeaderField[], endStream: boolean): StreamHandler;
  /** The peer's first SETTINGS came. */
  onSettled?(): void;
  /** `available` became true again. */
  onAvailable?(): void;
  /** The peer takes no new streams. Those above its last stream were told `refused`. */
  onGoaway?(): void;
  /** After all streams were told. */
  onClose(error: MeshError | undefined): void;
}

export interface Http2Stream {
  readonly id: number;
  /** Over in both directions, or reset. */
  readonly closed: boolean;
  /** Of what `sendData` took, what is not yet copied into frames: that memory is still read. */
  readonly queuedBytes: number;

  /** A response head, interim head, or trailers (then with `endStream`). Trailers queue behind data. */
  sendHeaders(fields: readonly HeaderField[], endStream: boolean): void;

  /**
   * Takes the bytes; the caller must not change them afterwards. False asks to wait
   * for `onWritable`; the bytes are taken nonetheless. Empty bytes with `endStream` end our side.
   */
  sendData(bytes: Buffer, endStream: boolean): boolean;

  /** Gives the peer credit for so many bytes of data that have moved on (RFC 9113 §5.2). */
  consumed(bytes: number): void;

  /**
   * As a server that has given all of its response: the rest of the request is not
   * wanted. When END_STREAM has left, the peer is told so (RST_STREAM with NO_ERROR,
   * RFC 9113 §8.1), and `onClose` follows.
   */
  stopPeer(): void;

  /** RST_STREAM. `onClose` does not follow: the caller knows. */
  reset(code: number): void;
}

/** Takes one stream. Nothing is called after `onClose`, nor after the owner's `reset`. */
export interface StreamHandler {
  /** As a client: a response head (also 1xx), or trailers. As a server: trailers. */
  onHeaders(fields: readonly HeaderField[], endStream: boolean): void;
  /** The receiver owns the bytes, and says `consumed` when they have moved on. */
  onData(bytes: Buffer, endStream: boolean): void;
  /** More can be sent, after `sendData` said false. */
  onWritable(): void;
  /**
   * The stream is over. Once, also after a clean end of both sides: then it may come
   * from within the `sendData` or `sendHeaders` that ended ours.
   */
  onClose(end: StreamEnd): void;
}

/**
 * - `complete`: both sides ended.
 * - `reset`: by the peer, or by us because it broke the rules for this stream.
 * - `refused`: the peer has not looked at it; it may be sent again elsewhere (RFC 9113 §8.7).
 * - `lost`: the connection is gone.
 */
export type StreamEnd =
  | { readonly kind: 'complete' }
  | { readonly kind: 'reset'; readonly code: number }
  | { readonly kind: 'refused' }
  | { readonly kind: 'lost'; readonly error: Error | undefined };
