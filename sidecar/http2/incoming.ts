import { gatheredPart } from '../gather.ts';
import { ERROR_CODE, flowControlError, protocolError, streamClosedError } from './error-code.ts';
import type { FloodLimits } from './flood-limits.ts';
import { type HeaderField, headerField } from './header-field.ts';
import {
  checkRequest,
  checkResponse,
  checkTrailers,
  MALFORMED,
  NO_CONTENT_LENGTH,
} from './message-rules.ts';
import type { ReceiveWindow } from './receive-window.ts';
import type { StreamEvents } from './receiver.ts';
import type { Sender } from './sender.ts';
import type { Stream } from './stream.ts';
import { CLOSED, type StreamTable } from './stream-table.ts';
import type { StreamEnd } from './types.ts';

/** Data in smaller pieces is gathered, as far as it comes in one read. */
const GATHER_LIMIT_BYTES = 1024;

const NOTHING: Buffer = Buffer.alloc(0);

/** A stream that lived so long took a place among those that may be open at once: no flood. */
const SHORT_LIVED_MS = 100;

const HEAD_TOO_LARGE: readonly HeaderField[] = [
  headerField(':status', '431'),
  headerField('content-length', '0'),
  headerField('x-remora-error', 'head-too-large'),
];

/** The connection, as incoming messages need it. */
export interface IncomingOwner {
  readonly nowMs: number;
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

export interface IncomingParts {
  readonly role: 'client' | 'server';
  readonly maxConcurrentStreams: number;
  readonly streams: StreamTable;
  readonly sender: Sender;
  readonly window: ReceiveWindow;
  readonly limits: FloodLimits;
}

/**
 * What comes on streams: messages are held to the rules before anyone sees them, and
 * data to the windows that we gave.
 */
export class Incoming implements StreamEvents {
  readonly #owner: IncomingOwner;
  readonly #role: 'client' | 'server';
  readonly #maxConcurrentStreams: number;
  readonly #streams: StreamTable;
  readonly #sender: Sender;
  readonly #window: ReceiveWindow;
  readonly #limits: FloodLimits;
  /** Whose DATA frame is being read; undefined when nobody wants it. */
  #dataStream: Stream | undefined;
  #dataEndsStream = false;
  /** Whose data is gathered, and where it stands in what is being read. */
  #gatheredStream: Stream | undefined;
  #gathered: Buffer = NOTHING;
  #gatheredFrom = 0;
  #gatheredTo = 0;
  #gatheredReadTo = 0;

  constructor(owner: IncomingOwner, parts: IncomingParts) {
    this.#owner = owner;
    this.#role = parts.role;
    this.#maxConcurrentStreams = parts.maxConcurrentStreams;
    this.#streams = parts.streams;
    this.#sender = parts.sender;
    this.#window = parts.window;
    this.#limits = parts.limits;
  }

  onWindowUpdate(streamId: number, increment: number): void {
    this.#limits.windowUpdates.charge();
    if (streamId === 0) {
      if (increment === 0) throw protocolError('WINDOW_UPDATE of the connection by nothing');
      this.#sender.widen(increment);
      return;
    }
    const stream = this.#find(streamId, 'WINDOW_UPDATE');
    if (stream === undefined) return;
    if (increment === 0) {
      this.#fault(stream, ERROR_CODE.protocolError);
    } else if (!this.#sender.widenStream(stream, increment)) {
      this.#fault(stream, ERROR_CODE.flowControlError);
    }
  }

  /** The peer changed the window that new streams have; open ones change with it. */
  widenAll(increment: number): void {
    for (const stream of this.#streams.all()) {
      if (!stream.closed && !this.#sender.widenStream(stream, increment)) {
        throw flowControlError('SETTINGS_INITIAL_WINDOW_SIZE overflows the window of a stream');
      }
    }
  }

  onReset(streamId: number, code: number): void {
    this.flush();
    const stream = this.#find(streamId, 'RST_STREAM');
    if (stream === undefined) {
      this.#limits.lateFrames.charge();
      return;
    }
    if (this.#role === 'client') {
      // Each costs the peer a request of ours.
      const refused = code === ERROR_CODE.refusedStream;
      this.#owner.endStream(stream, refused ? { kind: 'refused' } : { kind: 'reset', code });
      return;
    }
    if (((this.#owner.nowMs - stream.openedMs) | 0) < SHORT_LIVED_MS) this.#limits.resets.charge();
    this.#owner.endStream(stream, { kind: 'reset', code });
  }

  onStreamFault(streamId: number, code: number): void {
    const stream = this.#find(streamId, 'a malformed frame');
    if (stream !== undefined) this.#fault(stream, code);
    else this.#refuse(streamId, code);
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
    this.flush();
    const stream = this.#streams.get(streamId);
    if (stream === undefined) {
      if (this.#role === 'server' && this.#streams.isIdle(streamId)) {
        this.#onRequest(streamId, fields, endStream);
      } else {
        this.#onLateHeaders(streamId);
      }
    } else if (stream.remoteEnded) {
      this.#fault(stream, ERROR_CODE.streamClosed);
    } else if (fields === undefined) {
      this.#fault(stream, ERROR_CODE.enhanceYourCalm);
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
    if ((streamId & 1) === 0) throw protocolError('a client opens a stream with an even number');
    if (this.#owner.refusesNew) return;
    streams.lastPeerId = streamId;
    if (fields === undefined) {
      this.#sender.headersOnly(streamId, HEAD_TOO_LARGE);
      this.#refuse(streamId, ERROR_CODE.noError);
      return;
    }
    const contentLength = checkRequest(fields);
    if (contentLength === MALFORMED || (endStream && contentLength > 0)) {
      this.#refuse(streamId, ERROR_CODE.protocolError);
      return;
    }
    if (streams.size >= this.#maxConcurrentStreams) {
      this.#refuseForNow(streamId);
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
      this.#fault(stream, ERROR_CODE.protocolError);
      return;
    }
    if (interim) {
      this.#limits.interimResponses.charge();
    } else {
      stream.headReceived = true;
      if (stream.bodiless || status === '204' || status === '304') stream.contentLength = 0;
      else if (!stream.tunnel) stream.contentLength = contentLength;
    }
    this.#deliverHeaders(stream, fields, endStream);
  }

  #onTrailers(stream: Stream, fields: readonly HeaderField[], endStream: boolean): void {
    if (!endStream || !checkTrailers(fields)) this.#fault(stream, ERROR_CODE.protocolError);
    else this.#deliverHeaders(stream, fields, true);
  }

  #deliverHeaders(stream: Stream, fields: readonly HeaderField[], endStream: boolean): void {
    if (endStream && !isWhole(stream)) {
      this.#fault(stream, ERROR_CODE.protocolError);
      return;
    }
    stream.remoteEnded = endStream;
    stream.handler?.onHeaders(fields, endStream);
    if (endStream) this.#owner.onRemoteEnd(stream);
  }

  // Data.

  onDataHeader(streamId: number, frameBytes: number, endStream: boolean): void {
    this.#window.onArrival(frameBytes);
    this.#dataStream = undefined;
    this.#dataEndsStream = endStream;
    const stream = this.#find(streamId, 'DATA');
    if (stream === undefined) {
      this.#limits.lateFrames.charge();
      const how = this.#streams.howClosed(streamId);
      if (how === CLOSED.ended || how === CLOSED.skipped) {
        this.#refuse(streamId, ERROR_CODE.streamClosed);
      }
    } else if (stream.remoteEnded) {
      this.#fault(stream, ERROR_CODE.streamClosed);
    } else if (!stream.headReceived) {
      this.#fault(stream, ERROR_CODE.protocolError);
    } else if (frameBytes > stream.receiveWindow) {
      this.#fault(stream, ERROR_CODE.flowControlError);
    } else {
      stream.receiveWindow -= frameBytes;
      this.#dataStream = stream;
    }
  }

  onPadding(bytes: number): void {
    const stream = this.#dataStream;
    if (stream !== undefined && !stream.closed) this.#window.creditStream(stream, bytes);
  }

  onDataBytes(bytes: Buffer, from: number, to: number, last: boolean): void {
    const stream = this.#dataStream;
    if (stream === undefined || stream.closed) return;
    const length = to - from;
    const ends = last && this.#dataEndsStream;
    stream.receivedBytes += length;
    if (!fitsContentLength(stream, ends)) {
      this.#fault(stream, ERROR_CODE.protocolError);
    } else if (length === 0 && !ends) {
      this.#limits.emptyData.charge();
    } else if (length > GATHER_LIMIT_BYTES || length === 0 || ends) {
      this.flush();
      this.#deliverData(stream, bytes, from, to, ends);
    } else {
      this.#gather(stream, bytes, from, to);
    }
  }

  /** All was read that came together: what was gathered of it is handed on. */
  flush(): void {
    const stream = this.#gatheredStream;
    if (stream === undefined) return;
    const part = gatheredPart(
      this.#gathered,
      this.#gatheredFrom,
      this.#gatheredTo,
      this.#gatheredReadTo,
    );
    this.#gatheredStream = undefined;
    this.#gathered = NOTHING;
    this.#deliverData(stream, part, 0, part.length, false);
  }

  /**
   * Moves small pieces together within the buffer that they came in: a sender of single
   * bytes would otherwise cost us, and whoever we send them to, a frame for each.
   */
  #gather(stream: Stream, bytes: Buffer, from: number, to: number): void {
    if (this.#gatheredStream !== stream || this.#gathered !== bytes) {
      this.flush();
      this.#gatheredStream = stream;
      this.#gathered = bytes;
      this.#gatheredFrom = from;
      this.#gatheredTo = to;
    } else {
      bytes.copyWithin(this.#gatheredTo, from, to);
      this.#gatheredTo += to - from;
    }
    this.#gatheredReadTo = to;
  }

  #deliverData(stream: Stream, bytes: Buffer, from: number, to: number, ends: boolean): void {
    if (stream.closed) return;
    const length = to - from;
    if (length > 0) {
      this.#limits.dataMoved(length);
      this.#window.onHandedOn(stream, length);
    }
    stream.remoteEnded = ends;
    stream.handler?.onData(length === bytes.length ? bytes : bytes.subarray(from, to), ends);
    if (ends) this.#owner.onRemoteEnd(stream);
  }

  // What is wrong.

  #find(streamId: number, frame: string): Stream | undefined {
    const stream = this.#streams.get(streamId);
    if (stream === undefined && this.#streams.isIdle(streamId)) {
      throw protocolError(`${frame} on a stream that was never opened`);
    }
    return stream;
  }

  #onLateHeaders(streamId: number): void {
    if (this.#streams.isIdle(streamId)) throw protocolError('a response that nobody asked for');
    this.#limits.lateFrames.charge();
    const how = this.#streams.howClosed(streamId);
    if (how === CLOSED.ended) throw streamClosedError('HEADERS on a stream that is over');
    if (how === CLOSED.skipped) {
      throw protocolError('a client opens a stream with a number lower than one before');
    }
  }

  /** The peer broke a rule on an open stream. */
  #fault(stream: Stream, code: number): void {
    if (this.#role === 'server') this.#limits.resets.charge();
    // What came before it is told before it, however it was cut.
    this.flush();
    if (!stream.closed) this.#owner.resetStream(stream, code);
  }

  /** RST_STREAM for a stream that is not open, or never became so. */
  #refuse(streamId: number, code: number): void {
    this.#limits.resets.charge();
    this.#sender.resetStream(streamId, code);
    this.#streams.remember(streamId, CLOSED.resetHere);
  }

  #refuseForNow(streamId: number): void {
    this.#limits.refusals.charge();
    this.#sender.resetStream(streamId, ERROR_CODE.refusedStream);
    this.#streams.remember(streamId, CLOSED.resetHere);
  }
}

function isWhole(stream: Stream): boolean {
  return fitsContentLength(stream, true);
}

function fitsContentLength(stream: Stream, whole: boolean): boolean {
  const { contentLength, receivedBytes } = stream;
  if (contentLength === NO_CONTENT_LENGTH) return true;
  return whole ? receivedBytes === contentLength : receivedBytes <= contentLength;
}
