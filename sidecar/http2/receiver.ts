import { ERROR_CODE, frameSizeError, protocolError } from './error-code.ts';
import type { FloodLimits } from './flood-limits.ts';
import { FLAG, FRAME } from './frame.ts';
import type { FrameSink } from './frame-reader.ts';
import { HeaderBlock } from './header-block.ts';
import type { HeaderField } from './header-field.ts';
import { type HeaderListLimits, HpackDecoder } from './hpack-decoder.ts';

/** What frames say of streams, free of how they say it. Each method may throw a ConnectionError. */
export interface StreamEvents {
  /** `fields` is undefined when there are more than the limits allow. */
  onHeaders(streamId: number, fields: readonly HeaderField[] | undefined, endStream: boolean): void;
  /** What follows as `onDataBytes` and `onPadding` is of this frame. */
  onDataHeader(streamId: number, frameBytes: number, endStream: boolean): void;
  onDataBytes(bytes: Buffer, from: number, to: number, last: boolean): void;
  onPadding(bytes: number): void;
  onReset(streamId: number, code: number): void;
  /** `streamId` is 0 for the connection. */
  onWindowUpdate(streamId: number, increment: number): void;
  /** The peer broke a rule that concerns one stream alone. */
  onStreamFault(streamId: number, code: number): void;
}

/** What frames say of the connection. Each method may throw a ConnectionError. */
export interface ConnectionEvents {
  onSettings(bytes: Buffer, from: number, to: number): void;
  onSettingsAck(): void;
  /** Eight bytes from `from`. */
  onPing(bytes: Buffer, from: number): void;
  onPong(bytes: Buffer, from: number): void;
  onGoaway(lastStreamId: number, code: number): void;
}

/** The receiving half of a connection: the shape of each frame (RFC 9113 §6), and header blocks. */
export class Receiver implements FrameSink {
  readonly #connection: ConnectionEvents;
  readonly #streams: StreamEvents;
  readonly #limits: FloodLimits;
  readonly #decoder: HpackDecoder;
  readonly #block: HeaderBlock;
  #settingsCame = false;
  #completed = 0;

  constructor(
    connection: ConnectionEvents,
    streams: StreamEvents,
    limits: FloodLimits,
    lists: HeaderListLimits,
  ) {
    this.#connection = connection;
    this.#streams = streams;
    this.#limits = limits;
    this.#decoder = new HpackDecoder(lists);
    this.#block = new HeaderBlock(lists.maxHeaderListBytes);
  }

  /** A header block has begun and not ended. */
  get blockOpen(): boolean {
    return this.#block.open;
  }

  /** Counts frames and header blocks; it goes round at 2^30. */
  get completed(): number {
    return this.#completed;
  }

  onDataHeader(streamId: number, frameBytes: number, endStream: boolean): void {
    this.#checkOrder(FRAME.data, 0);
    this.#completed = (this.#completed + 1) & 0x3fff_ffff;
    if (streamId === 0) throw protocolError('a DATA frame without a stream');
    this.#streams.onDataHeader(streamId, frameBytes, endStream);
  }

  onDataBytes(bytes: Buffer, from: number, to: number, last: boolean): void {
    this.#streams.onDataBytes(bytes, from, to, last);
  }

  onPadding(bytes: number): void {
    this.#streams.onPadding(bytes);
  }

  onFrame(
    type: number,
    flags: number,
    streamId: number,
    bytes: Buffer,
    from: number,
    to: number,
  ): void {
    this.#checkOrder(type, flags);
    switch (type) {
      case FRAME.headers:
        this.#headers(flags, streamId, bytes, from, to);
        break;
      case FRAME.continuation:
        this.#continuation(flags, streamId, bytes, from, to);
        break;
      case FRAME.windowUpdate:
        checkLength(to - from, 4, 'WINDOW_UPDATE');
        this.#streams.onWindowUpdate(streamId, readUint31(bytes, from));
        break;
      case FRAME.resetStream:
        checkStream(streamId, 'RST_STREAM');
        checkLength(to - from, 4, 'RST_STREAM');
        this.#streams.onReset(streamId, bytes.readUInt32BE(from));
        break;
      case FRAME.settings:
        this.#settings(flags, streamId, bytes, from, to);
        break;
      case FRAME.ping:
        checkConnection(streamId, 'PING');
        checkLength(to - from, 8, 'PING');
        this.#limits.pings.charge();
        if ((flags & FLAG.ack) !== 0) this.#connection.onPong(bytes, from);
        else this.#connection.onPing(bytes, from);
        break;
      case FRAME.goaway:
        checkConnection(streamId, 'GOAWAY');
        this.#limits.settings.charge();
        if (to - from < 8) throw frameSizeError('GOAWAY is too short');
        this.#connection.onGoaway(readUint31(bytes, from), bytes.readUInt32BE(from + 4));
        break;
      case FRAME.priority:
        this.#priority(streamId, bytes, from, to);
        break;
      case FRAME.pushPromise:
        throw protocolError('PUSH_PROMISE, although push is off');
      default:
        this.#limits.unknownFrames.charge();
    }
    if (!this.#block.open) this.#completed = (this.#completed + 1) & 0x3fff_ffff;
  }

  /** SETTINGS come first, and nothing comes between the frames of a header block. */
  #checkOrder(type: number, flags: number): void {
    if (!this.#settingsCame) {
      if (type !== FRAME.settings || (flags & FLAG.ack) !== 0) {
        throw protocolError('the first frame is not SETTINGS');
      }
      this.#settingsCame = true;
    }
    if (this.#block.open && type !== FRAME.continuation) {
      throw protocolError('a header block is interrupted by another frame');
    }
  }

  #headers(flags: number, streamId: number, bytes: Buffer, from: number, to: number): void {
    checkStream(streamId, 'HEADERS');
    if ((flags & FLAG.padded) !== 0) {
      if (from === to) throw frameSizeError('a padded HEADERS frame without its pad length');
      to -= bytes[from++] as number;
      if (to < from) throw protocolError('the padding of a HEADERS frame exceeds the frame');
    }
    let dependsOnItself = false;
    if ((flags & FLAG.priority) !== 0) {
      if (to - from < 5) throw frameSizeError('a HEADERS frame is too short for its priority');
      dependsOnItself = readUint31(bytes, from) === streamId;
      from += 5;
    }
    const endStream = (flags & FLAG.endStream) !== 0;
    if (dependsOnItself) throw protocolError('a stream depends on itself');
    if ((flags & FLAG.endHeaders) === 0) {
      this.#block.begin(streamId, endStream, bytes, from, to);
    } else {
      this.#streams.onHeaders(streamId, this.#decoder.decode(bytes, from, to), endStream);
    }
  }

  #continuation(flags: number, streamId: number, bytes: Buffer, from: number, to: number): void {
    this.#block.append(streamId, bytes, from, to);
    if ((flags & FLAG.endHeaders) === 0) return;
    const { endStream } = this.#block;
    const block = this.#block.finish();
    this.#streams.onHeaders(streamId, this.#decoder.decode(block, 0, block.length), endStream);
  }

  #settings(flags: number, streamId: number, bytes: Buffer, from: number, to: number): void {
    checkConnection(streamId, 'SETTINGS');
    this.#limits.settings.charge();
    if ((flags & FLAG.ack) === 0) {
      this.#connection.onSettings(bytes, from, to);
      return;
    }
    checkLength(to - from, 0, 'an acknowledgement of SETTINGS');
    this.#connection.onSettingsAck();
  }

  /** Priorities are not followed (RFC 9113 §5.3.2); what is no priority is not taken for one. */
  #priority(streamId: number, bytes: Buffer, from: number, to: number): void {
    checkStream(streamId, 'PRIORITY');
    this.#limits.priorities.charge();
    if (to - from !== 5) this.#streams.onStreamFault(streamId, ERROR_CODE.frameSizeError);
    else if (readUint31(bytes, from) === streamId) {
      this.#streams.onStreamFault(streamId, ERROR_CODE.protocolError);
    }
  }
}

function readUint31(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at) & 0x7fff_ffff;
}

function checkStream(streamId: number, frame: string): void {
  if (streamId === 0) throw protocolError(`${frame} without a stream`);
}

function checkConnection(streamId: number, frame: string): void {
  if (streamId !== 0) throw protocolError(`${frame} on a stream`);
}

function checkLength(length: number, expected: number, frame: string): void {
  if (length !== expected) throw frameSizeError(`${frame} has ${length} bytes of payload`);
}
