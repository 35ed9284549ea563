import type { HeaderField } from './header-field.ts';
import type { SendQueue } from './send-queue.ts';
import type { Http2Stream, StreamEnd, StreamHandler } from './types.ts';

/** The connection as its streams see it. */
export interface StreamOwner {
  sendHeaders(stream: Stream, fields: readonly HeaderField[], endStream: boolean): void;
  sendData(stream: Stream, bytes: Buffer, endStream: boolean): boolean;
  consumed(stream: Stream, bytes: number): void;
  resetByOwner(stream: Stream, code: number): void;
  onLocalEnd(stream: Stream): void;
}

/**
 * One stream and its place in RFC 9113 §5.1: open until a side ended, half-closed
 * after one did, closed after both did or after a reset. Idle and closed streams have
 * no object.
 *
 * What the public interface does not name belongs to the connection.
 */
export class Stream implements Http2Stream {
  readonly id: number;
  closed = false;
  /** A whole number, of which only differences count. */
  readonly openedMs: number;
  readonly #owner: StreamOwner;

  /** Unknown while the handler of the connection is deciding who takes it. */
  handler: StreamHandler | undefined;
  /** How it ended, when that came before the handler was known. */
  untoldEnd: StreamEnd | undefined;

  /** END_STREAM came. */
  remoteEnded = false;
  /** As a client: the final response head came. */
  headReceived = false;
  /** Bytes of data that are announced; -1 when nobody said. */
  contentLength = -1;
  receivedBytes = 0;
  /** What the peer may send still; below zero it went too far. */
  receiveWindow: number;
  /** Handed to the handler, and not yet moved on. */
  heldBytes = 0;
  /** Moved on, and not yet given back to the peer as credit. */
  uncreditedBytes = 0;
  /** As a client: the response has no body, whatever its head says. */
  bodiless = false;
  /** As a client: CONNECT, whose response has no content-length. */
  tunnel = false;

  /** Nobody wants what the peer still has to send. */
  unwanted = false;

  /** END_STREAM went. */
  localEnded = false;
  sendWindow: number;
  /** Data that waits for the peer; undefined when none does. */
  queue: SendQueue | undefined;
  /** In the ring of streams that can send. */
  nextReady: Stream | undefined;
  previousReady: Stream | undefined;

  constructor(
    owner: StreamOwner,
    id: number,
    sendWindow: number,
    receiveWindow: number,
    openedMs: number,
  ) {
    this.#owner = owner;
    this.id = id;
    this.sendWindow = sendWindow;
    this.receiveWindow = receiveWindow;
    this.openedMs = openedMs;
  }

  get queuedBytes(): number {
    return this.queue?.bytes ?? 0;
  }

  sendHeaders(fields: readonly HeaderField[], endStream: boolean): void {
    this.#owner.sendHeaders(this, fields, endStream);
  }

  sendData(bytes: Buffer, endStream: boolean): boolean {
    return this.#owner.sendData(this, bytes, endStream);
  }

  consumed(bytes: number): void {
    this.#owner.consumed(this, bytes);
  }

  stopPeer(): void {
    this.unwanted = true;
    if (this.localEnded) this.#owner.onLocalEnd(this);
  }

  reset(code: number): void {
    this.#owner.resetByOwner(this, code);
  }
}
