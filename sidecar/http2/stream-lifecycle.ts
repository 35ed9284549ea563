import type { Clock } from '../../runtime/clock.ts';
import type { Transport } from '../transport.ts';
import { ERROR_CODE } from './error-code.ts';
import type { FloodLimits } from './flood-limits.ts';
import type { HeaderField } from './header-field.ts';
import { Incoming, type IncomingOwner } from './incoming.ts';
import { ReceiveWindow } from './receive-window.ts';
import { Sender, type SenderOwner } from './sender.ts';
import type { LocalSettings, PeerSettings } from './settings.ts';
import { Stream, type StreamOwner } from './stream.ts';
import { CLOSED, StreamTable } from './stream-table.ts';
import type { ConnectionHandler, StreamEnd, StreamHandler } from './types.ts';

const COMPLETE: StreamEnd = { kind: 'complete' };
const REFUSED: StreamEnd = { kind: 'refused' };

/** The connection, as the lives of its streams concern it. */
export interface LifecycleOwner {
  /** A stream is gone, and its handler was told. */
  onRemoved(): void;
  /** Something waits for the peer from now on. */
  onWaiting(): void;
}

export interface LifecycleParts {
  readonly transport: Transport;
  readonly role: 'client' | 'server';
  readonly clock: Clock;
  readonly settings: LocalSettings;
  readonly peer: PeerSettings;
  readonly limits: FloodLimits;
  readonly handler: ConnectionHandler;
}

/**
 * Opens and closes streams (RFC 9113 §5.1), whoever causes it: their owners, the peer,
 * or a rule that was broken. Each handler is told its stream's end once.
 */
export class StreamLifecycle implements StreamOwner, SenderOwner, IncomingOwner {
  readonly #owner: LifecycleOwner;
  readonly #peer: PeerSettings;
  readonly #limits: FloodLimits;
  readonly #handler: ConnectionHandler;
  readonly table: StreamTable;
  readonly sender: Sender;
  readonly window: ReceiveWindow;
  readonly incoming: Incoming;
  readonly #clock: Clock;
  #nowMs = 0;
  /** Later bytes are being read than those of `#nowMs`. */
  #nowIsOld = true;
  /** We have said which streams we take still. */
  refusesNew = false;

  constructor(owner: LifecycleOwner, parts: LifecycleParts) {
    const { role, settings, limits } = parts;
    this.#owner = owner;
    this.#peer = parts.peer;
    this.#limits = limits;
    this.#handler = parts.handler;
    this.#clock = parts.clock;
    this.table = new StreamTable(role);
    this.sender = new Sender(parts.transport, this, limits, settings.maxQueuedBytes);
    this.window = new ReceiveWindow(settings, this.table, this.sender);
    this.incoming = new Incoming(this, {
      role,
      maxConcurrentStreams: settings.maxConcurrentStreams,
      streams: this.table,
      sender: this.sender,
      window: this.window,
      limits,
    });
  }

  /** When the bytes came that are being read; a whole number, of which only differences count. */
  get nowMs(): number {
    if (this.#nowIsOld) {
      this.#nowMs = this.#clock.monotonicMs() | 0;
      this.#nowIsOld = false;
    }
    return this.#nowMs;
  }

  /** Bytes came. The clock is read when somebody asks. */
  onArrival(): void {
    this.#nowIsOld = true;
  }

  /** As a client. The frames of the request are for the caller to send. */
  open(handler: StreamHandler): Stream {
    const stream = this.newStream(this.table.nextId);
    this.table.nextId += 2;
    this.table.add(stream);
    stream.handler = handler;
    return stream;
  }

  /** As a client: those that the peer has not looked at. */
  refuseAbove(lastStreamId: number): void {
    for (const stream of this.table.all()) {
      if (stream.id > lastStreamId) this.#remove(stream, CLOSED.ended, REFUSED);
    }
  }

  /** The connection is gone, and all its streams with it. */
  lose(error: Error | undefined): void {
    const end: StreamEnd = { kind: 'lost', error };
    for (const stream of this.table.all()) {
      if (stream.closed) continue;
      stream.closed = true;
      this.sender.forget(stream);
      tell(stream, end);
    }
    this.table.clear();
  }

  // For owners of streams.

  sendHeaders(stream: Stream, fields: readonly HeaderField[], endStream: boolean): void {
    if (!stream.closed && !stream.localEnded) this.sender.headers(stream, fields, endStream);
  }

  sendData(stream: Stream, bytes: Buffer, endStream: boolean): boolean {
    if (stream.closed || stream.localEnded) return true;
    return this.sender.data(stream, bytes, endStream);
  }

  consumed(stream: Stream, bytes: number): void {
    if (!stream.closed) this.window.onConsumed(stream, bytes);
  }

  resetByOwner(stream: Stream, code: number): void {
    if (stream.closed) return;
    this.sender.resetStream(stream.id, code);
    this.#remove(stream, CLOSED.resetHere, undefined);
  }

  // From the sender.

  onLocalEnd(stream: Stream): void {
    if (stream.closed) return;
    if (stream.remoteEnded) this.#complete(stream);
    else if (stream.unwanted) this.resetStream(stream, ERROR_CODE.noError);
  }

  onWaiting(): void {
    this.#owner.onWaiting();
  }

  // From incoming messages.

  newStream(id: number): Stream {
    return new Stream(this, id, this.#peer.streamWindowBytes, this.window.streamBytes, this.nowMs);
  }

  admit(stream: Stream, fields: readonly HeaderField[], endStream: boolean): void {
    const handler = this.#handler.onStream?.(stream, fields, endStream);
    if (handler === undefined) {
      if (!stream.closed) this.resetStream(stream, ERROR_CODE.refusedStream);
      return;
    }
    stream.handler = handler;
    if (stream.untoldEnd !== undefined) handler.onClose(stream.untoldEnd);
  }

  onRemoteEnd(stream: Stream): void {
    if (stream.localEnded && !stream.closed) this.#complete(stream);
  }

  endStream(stream: Stream, end: StreamEnd): void {
    this.#remove(stream, CLOSED.ended, end);
  }

  resetStream(stream: Stream, code: number): void {
    this.sender.resetStream(stream.id, code);
    this.#remove(stream, CLOSED.resetHere, { kind: 'reset', code });
  }

  #complete(stream: Stream): void {
    this.#limits.streamDone();
    this.#remove(stream, CLOSED.ended, COMPLETE);
  }

  /** @param end undefined when the owner itself ended it */
  #remove(stream: Stream, how: number, end: StreamEnd | undefined): void {
    if (stream.closed) return;
    stream.closed = true;
    this.table.remove(stream, how);
    this.sender.forget(stream);
    this.window.forget(stream);
    if (end !== undefined) tell(stream, end);
    this.#owner.onRemoved();
  }
}

function tell(stream: Stream, end: StreamEnd): void {
  if (stream.handler === undefined) stream.untoldEnd = end;
  else stream.handler.onClose(end);
}
