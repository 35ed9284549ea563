import { ERROR_CODE, flowControlError, protocolError, streamClosedError } from './error-code.ts';
import { DEFAULT_WINDOW_BYTES } from './frame.ts';
import type { HeaderField } from './header-field.ts';
import {
  checkRequest,
  checkResponse,
  checkTrailers,
  MALFORMED,
  NO_CONTENT_LENGTH,
} from './message-rules.ts';
import type { Sender } from './sender.ts';
import type { LocalSettings } from './settings.ts';
import type { Stream } from './stream.ts';
import { CLOSED, type StreamTable } from './stream-table.ts';
import type { StreamEnd } from './types.ts';

/** The connection, as incoming messages need it. */
export interface IncomingOwner {
  /** No further stream of the peer is taken. */
  readonly refusesNew: boolean;
  newStream(id: number): Stream;
  /** A request that keeps the rules: finds who takes it. */
  admit(stream: Stream, fields: readonly HeaderField[], endStream: boolean): void;
  onRemoteEnd(stream: Stream): void;
  /** Closes a stream that the peer ended. */
  endStream(stream: Stream, end: StreamEnd): void;
  /** Closes a stream because of what the peer sent. */
  resetStream(stream: Stream, code: number): void;
}

/**
 * What comes on streams: messages are held to the rules before anyone sees them, and
 * data to the windows that we gave.
 */
export class Incoming {
  readonly #owner: IncomingOwner;
  readonly #role: 'client' | 'server';
  readonly #settings: LocalSettings;
  readonly #streams: StreamTable;
  readonly #sender: Sender;
  /** What a new stream gets. A smaller window holds once the peer has acknowledged it. */
  streamWindowBytes: number;
  #window: number = DEFAULT_WINDOW_BYTES;
  #uncreditedBytes = 0;
  /** Whose DATA frame is being read; undefined when nobody wants it. */
  #dataStream: Stream | undefined;
  #dataEndsStream = false;

  constructor(
    owner: IncomingOwner,
    role: 'client' | 'server',
    settings: LocalSettings,
    streams: StreamTable,
    sender: Sender,
  ) {
    this.#owner = owner;
    this.#role = role;
    this.#settings = settings;
    this.#streams = streams;
    this.#sender = sender;
    this.streamWindowBytes = Math.max(settings.streamWindowBytes, DEFAULT_WINDOW_BYTES);
  }

  // Windows.

  openConnectionWindow(): void {
    const increment = this.#settings.connectionWindowBytes - DEFAULT_WINDOW_BYTES;
    if (increment <= 0) return;
    this.#window += increment;
    this.#sender.windowUpdate(0, increment);
  }

  /** The peer has acknowledged our settings. */
  enforceStreamWindow(): void {
    const decrement = this.streamWindowBytes - this.#settings.streamWindowBytes;
    if (decrement === 0) return;
    this.streamWindowBytes -= decrement;
    for (const stream of this.#streams.all()) stream.receiveWindow -= decrement;
  }

  /** Bytes of a stream have moved on. */
  credit(stream: Stream, bytes: number): void {
    stream.uncreditedBytes += bytes;
    if (stream.remoteEnded || stream.uncreditedBytes < this.streamWindowBytes >> 1) return;
    stream.receiveWindow += stream.uncreditedBytes;
    this.#sender.windowUpdate(stream.id, stream.uncreditedBytes);
    stream.uncreditedBytes = 0;
  }

  onWindowUpdate(streamId: number, increment: number): void {
    if (streamId === 0) {
      if (increment === 0) throw protocolError('WINDOW_UPDATE of the connection by nothing');
      this.#sender.widen(increment);
      return;
    }
    const stream = this.#find(streamId, 'WINDOW_UPDATE');
    if (stream === undefined) return;
    if (increment === 0) {
      this.#owner.resetStream(stream, ERROR_CODE.protocolError);
    } else if (!this.#sender.widenStream(stream, increment)) {
      this.#owner.resetStream(stream, ERROR_CODE.flowControlError);
    }
  }

  /** The peer changed the window that new streams have; open ones change with it. */
  widenAll(increment: number): void {
    for (const stream of this.#streams.all()) {
      if (!this.#sender.widenStream(stream, increment)) {
        throw flowControlError('SETTINGS_INITIAL_WINDOW_SIZE overflows the window of a stream');
      }
    }
  }

  // Resets.

  onReset(streamId: number, code: number): void {
    const stream = this.#find(streamId, 'RST_STREAM');
    if (stream === undefined) return;
    const refused = code === ERROR_CODE.refusedStream && this.#role === 'client';
    this.#owner.endStream(stream, refused ? { kind: 'refused' } : { kind: 'reset', code });
  }

  onStreamFault(streamId: number, code: number): void {
    const stream = this.#streams.get(streamId);
    if (stream !== undefined) this.#owner.resetStream(stream, code);
    else if (!this.#streams.isIdle(streamId)) this.#refuse(streamId, code);
    else throw protocolError('a frame that is wrong stands on a stream that was never opened');
  }

  // Messages.

  /** As a client, before the request goes: what its response may be like. */
  expectResponse(stream: Stream, request: readonly HeaderField[]): void {
    for (const field of request) {
      if (field.name !== ':method') continue;
      stream.bodiless = field.value === 'HEAD';
      stream.tunnel = field.value === 'CONNECT';
      return;
    }
  }

  onHeaders(
    streamId: number,
    fields: readonly HeaderField[] | undefined,
    endStream: boolean,
  ): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) {
      if (this.#role === 'client') this.#checkLateHeaders(streamId);
      else this.#onRequest(streamId, fields, endStream);
    } else if (stream.remoteEnded) {
      this.#owner.resetStream(stream, ERROR_CODE.streamClosed);
    } else if (fields === undefined) {
      this.#owner.resetStream(stream, ERROR_CODE.enhanceYourCalm);
    } else if (this.#role === 'client' && !stream.headReceived) {
      this.#onResponse(stream, fields, endStream);
    } else {
      this.#onTrailers(stream, fields, endStream);
    }
  }

  #onRequest(
    streamId: number,
    fields: readonly HeaderField[] | undefined,
    endStream: boolean,
  ): void {
    const streams = this.#streams;
    if (!streams.isIdle(streamId)) {
      this.#checkLateHeaders(streamId);
      return;
    }
    if ((streamId & 1) === 0) throw protocolError('a client opens a stream with an even number');
    if (this.#owner.refusesNew) return;
    streams.lastPeerId = streamId;
    if (fields === undefined) {
      this.#refuse(streamId, ERROR_CODE.enhanceYourCalm);
      return;
    }
    const contentLength = checkRequest(fields);
    if (contentLength === MALFORMED || (endStream && contentLength > 0)) {
      this.#refuse(streamId, ERROR_CODE.protocolError);
      return;
    }
    if (streams.size >= this.#settings.maxConcurrentStreams) {
      this.#refuse(streamId, ERROR_CODE.refusedStream);
      return;
    }
    const stream = this.#owner.newStream(streamId);
    stream.headReceived = true;
    stream.contentLength = contentLength;
    stream.remoteEnded = endStream;
    streams.add(stream);
    this.#owner.admit(stream, fields, endStream);
  }

  #onResponse(stream: Stream, fields: readonly HeaderField[], endStream: boolean): void {
    const contentLength = checkResponse(fields);
    const status = fields[0]?.value ?? '';
    const interim = status.startsWith('1');
    if (contentLength === MALFORMED || (interim && endStream)) {
      this.#owner.resetStream(stream, ERROR_CODE.protocolError);
      return;
    }
    if (!interim) {
      stream.headReceived = true;
      if (stream.bodiless || status === '204' || status === '304') stream.contentLength = 0;
      else if (!stream.tunnel) stream.contentLength = contentLength;
    }
    this.#deliverHeaders(stream, fields, endStream);
  }

  #onTrailers(stream: Stream, fields: readonly HeaderField[], endStream: boolean): void {
    if (!endStream || !checkTrailers(fields)) {
      this.#owner.resetStream(stream, ERROR_CODE.protocolError);
      return;
    }
    this.#deliverHeaders(stream, fields, true);
  }

  #deliverHeaders(stream: Stream, fields: readonly HeaderField[], endStream: boolean): void {
    if (endStream && !this.#isWhole(stream)) {
      this.#owner.resetStream(stream, ERROR_CODE.protocolError);
      return;
    }
    stream.remoteEnded = endStream;
    stream.handler?.onHeaders(fields, endStream);
    if (endStream) this.#owner.onRemoteEnd(stream);
  }

  // Data.

  onDataHeader(streamId: number, frameBytes: number, endStream: boolean): void {
    this.#countData(frameBytes);
    this.#dataStream = undefined;
    this.#dataEndsStream = endStream;
    const stream = this.#find(streamId, 'DATA');
    if (stream === undefined) {
      if (this.#streams.howClosed(streamId) === CLOSED.ended) {
        this.#refuse(streamId, ERROR_CODE.streamClosed);
      }
      return;
    }
    if (stream.remoteEnded) {
      this.#owner.resetStream(stream, ERROR_CODE.streamClosed);
    } else if (!stream.headReceived) {
      this.#owner.resetStream(stream, ERROR_CODE.protocolError);
    } else if (frameBytes > stream.receiveWindow) {
      this.#owner.resetStream(stream, ERROR_CODE.flowControlError);
    } else {
      stream.receiveWindow -= frameBytes;
      this.#dataStream = stream;
    }
  }

  onPadding(bytes: number): void {
    if (this.#dataStream !== undefined) this.credit(this.#dataStream, bytes);
  }

  onDataBytes(bytes: Buffer, last: boolean): void {
    const stream = this.#dataStream;
    if (stream === undefined || stream.closed) return;
    const ends = last && this.#dataEndsStream;
    stream.receivedBytes += bytes.length;
    const { contentLength } = stream;
    if (
      contentLength !== NO_CONTENT_LENGTH &&
      (stream.receivedBytes > contentLength || (ends && stream.receivedBytes < contentLength))
    ) {
      this.#owner.resetStream(stream, ERROR_CODE.protocolError);
      return;
    }
    if (bytes.length === 0 && !ends) return;
    stream.remoteEnded = ends;
    stream.handler?.onData(bytes, ends);
    if (ends) this.#owner.onRemoteEnd(stream);
  }

  /** All data counts for the connection, also that of streams that are over. */
  #countData(frameBytes: number): void {
    if (frameBytes > this.#window) throw flowControlError('data beyond the connection window');
    this.#window -= frameBytes;
    this.#uncreditedBytes += frameBytes;
    if (this.#uncreditedBytes < this.#settings.connectionWindowBytes >> 1) return;
    this.#window += this.#uncreditedBytes;
    this.#sender.windowUpdate(0, this.#uncreditedBytes);
    this.#uncreditedBytes = 0;
  }

  #isWhole(stream: Stream): boolean {
    const { contentLength } = stream;
    return contentLength === NO_CONTENT_LENGTH || stream.receivedBytes === contentLength;
  }

  // Streams that are not open.

  #find(streamId: number, frame: string): Stream | undefined {
    const stream = this.#streams.get(streamId);
    if (stream === undefined && this.#streams.isIdle(streamId)) {
      throw protocolError(`${frame} on a stream that was never opened`);
    }
    return stream;
  }

  #checkLateHeaders(streamId: number): void {
    if (this.#streams.isIdle(streamId)) throw protocolError('a response nobody asked for');
    const how = this.#streams.howClosed(streamId);
    if (how === CLOSED.ended) throw streamClosedError('HEADERS on a stream that is over');
    if (how === CLOSED.unknown && this.#role === 'server') {
      throw protocolError('a client opens a stream with a number lower than one before');
    }
  }

  /** RST_STREAM for a stream that is not open, or never became so. */
  #refuse(streamId: number, code: number): void {
    this.#sender.resetStream(streamId, code);
    this.#streams.remember(streamId, CLOSED.resetHere);
  }
}
