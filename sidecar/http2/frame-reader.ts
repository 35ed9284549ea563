import { frameSizeError, protocolError } from './error-code.ts';
import { FLAG, FRAME, FRAME_HEADER_BYTES, PREFACE } from './frame.ts';

/** Takes what a {@link FrameReader} reads. Each method may throw a ConnectionError. */
export interface FrameSink {
  /** A frame that is not DATA, whole: its payload is `bytes` from `from` to `to`. */
  onFrame(
    type: number,
    flags: number,
    streamId: number,
    bytes: Buffer,
    from: number,
    to: number,
  ): void;

  /**
   * The header of a DATA frame. `frameBytes` counts for flow control, padding included.
   * What the frame holds follows as `onDataBytes`, in as many pieces as it arrives.
   */
  onDataHeader(streamId: number, frameBytes: number, endStream: boolean): void;

  /**
   * `bytes` from `from` to `to`, of what was fed; nothing before `to` is looked at again.
   * `last` of its frame; an empty frame has one empty piece.
   */
  onDataBytes(bytes: Buffer, from: number, to: number, last: boolean): void;

  /** Padding of a DATA frame came, its length byte included. Before the last piece of data. */
  onPadding(bytes: number): void;
}

/**
 * - `preface`: a server waits for the client's first bytes.
 * - `header`: between frames, or some of a frame header came.
 * - `payload`: some of a frame's payload came; it is gathered until it is whole.
 * - `pad-length`, `data`, `padding`: within a DATA frame.
 * - `stopped`: nothing more is read.
 */
type State = 'preface' | 'header' | 'payload' | 'pad-length' | 'data' | 'padding' | 'stopped';

const NOTHING: Buffer = Buffer.alloc(0);

/** Bytes to frames (RFC 9113 §4.1), however the bytes are split. */
export class FrameReader {
  readonly #sink: FrameSink;
  readonly #maxFrameBytes: number;
  #state: State;
  /** Of the preface or a frame header, when they come in pieces. */
  readonly #head: Buffer = Buffer.alloc(FRAME_HEADER_BYTES);
  #headBytes = 0;
  #payload: Buffer = NOTHING;
  #payloadBytes = 0;
  #type = 0;
  #flags = 0;
  #streamId = 0;
  /** Of data and of padding that are to come. */
  #dataLeft = 0;
  #paddingLeft = 0;

  constructor(sink: FrameSink, maxFrameBytes: number, expectsPreface: boolean) {
    this.#sink = sink;
    this.#maxFrameBytes = maxFrameBytes;
    this.#state = expectsPreface ? 'preface' : 'header';
  }

  /** Bytes are awaited that must come soon: the rest of the preface or of a frame that is not DATA. */
  get unfinished(): boolean {
    return this.#state === 'payload' || this.#state === 'preface' || this.#headBytes > 0;
  }

  stop(): void {
    this.#state = 'stopped';
    this.#payload = NOTHING;
  }

  /** @throws ConnectionError of its own, or of the sink */
  feed(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      switch (this.#state) {
        case 'header':
          at = this.#readHeader(bytes, at);
          break;
        case 'data':
          at = this.#readData(bytes, at);
          break;
        case 'payload':
          at = this.#gatherPayload(bytes, at);
          break;
        case 'pad-length':
          this.#readPadLength(bytes[at++] as number);
          break;
        case 'padding':
          at = this.#skipPadding(bytes, at);
          break;
        case 'preface':
          at = this.#readPreface(bytes, at);
          break;
        default:
          return;
      }
    }
  }

  #readPreface(bytes: Buffer, at: number): number {
    while (at < bytes.length) {
      if (bytes[at++] !== PREFACE[this.#headBytes++]) {
        throw protocolError('the connection does not begin with the preface of HTTP/2');
      }
      if (this.#headBytes === PREFACE.length) {
        this.#headBytes = 0;
        this.#state = 'header';
        break;
      }
    }
    return at;
  }

  #readHeader(bytes: Buffer, at: number): number {
    if (this.#headBytes === 0 && bytes.length - at >= FRAME_HEADER_BYTES) {
      return this.#begin(bytes, at, bytes, at + FRAME_HEADER_BYTES);
    }
    const count = Math.min(FRAME_HEADER_BYTES - this.#headBytes, bytes.length - at);
    bytes.copy(this.#head, this.#headBytes, at, at + count);
    this.#headBytes += count;
    if (this.#headBytes < FRAME_HEADER_BYTES) return at + count;
    this.#headBytes = 0;
    return this.#begin(this.#head, 0, bytes, at + count);
  }

  /** A frame header stands at `headAt` of `head`; what follows it at `at` of `bytes`. */
  #begin(head: Buffer, headAt: number, bytes: Buffer, at: number): number {
    const length =
      ((head[headAt] as number) << 16) |
      ((head[headAt + 1] as number) << 8) |
      (head[headAt + 2] as number);
    if (length > this.#maxFrameBytes) {
      throw frameSizeError(`a frame of ${length} bytes; at most ${this.#maxFrameBytes} are taken`);
    }
    const type = head[headAt + 3] as number;
    const flags = head[headAt + 4] as number;
    const streamId =
      (((head[headAt + 5] as number) & 0x7f) << 24) |
      ((head[headAt + 6] as number) << 16) |
      ((head[headAt + 7] as number) << 8) |
      (head[headAt + 8] as number);
    if (type === FRAME.data) {
      this.#beginData(length, flags, streamId);
      return at;
    }
    if (bytes.length - at >= length) {
      this.#sink.onFrame(type, flags, streamId, bytes, at, at + length);
      return at + length;
    }
    this.#type = type;
    this.#flags = flags;
    this.#streamId = streamId;
    this.#payload = Buffer.allocUnsafe(length);
    this.#payloadBytes = 0;
    this.#state = 'payload';
    return at;
  }

  #gatherPayload(bytes: Buffer, at: number): number {
    const payload = this.#payload;
    const count = Math.min(payload.length - this.#payloadBytes, bytes.length - at);
    bytes.copy(payload, this.#payloadBytes, at, at + count);
    this.#payloadBytes += count;
    if (this.#payloadBytes === payload.length) {
      this.#payload = NOTHING;
      this.#state = 'header';
      this.#sink.onFrame(this.#type, this.#flags, this.#streamId, payload, 0, payload.length);
    }
    return at + count;
  }

  #beginData(length: number, flags: number, streamId: number): void {
    const padded = (flags & FLAG.padded) !== 0;
    if (padded && length === 0) throw frameSizeError('a padded DATA frame without its pad length');
    this.#dataLeft = length;
    this.#paddingLeft = 0;
    this.#state = padded ? 'pad-length' : 'data';
    this.#sink.onDataHeader(streamId, length, (flags & FLAG.endStream) !== 0);
    if (length === 0) this.#endData(NOTHING, 0, 0);
  }

  #readPadLength(padLength: number): void {
    this.#dataLeft -= 1 + padLength;
    if (this.#dataLeft < 0) throw protocolError('the padding of a DATA frame exceeds the frame');
    this.#paddingLeft = padLength;
    this.#state = 'data';
    this.#sink.onPadding(1 + padLength);
    if (this.#dataLeft === 0) this.#endData(NOTHING, 0, 0);
  }

  #readData(bytes: Buffer, at: number): number {
    const count = Math.min(this.#dataLeft, bytes.length - at);
    const end = at + count;
    this.#dataLeft -= count;
    if (this.#dataLeft === 0) this.#endData(bytes, at, end);
    else this.#sink.onDataBytes(bytes, at, end, false);
    return end;
  }

  #endData(bytes: Buffer, from: number, to: number): void {
    if (this.#state !== 'stopped') this.#state = this.#paddingLeft > 0 ? 'padding' : 'header';
    this.#sink.onDataBytes(bytes, from, to, true);
  }

  #skipPadding(bytes: Buffer, at: number): number {
    const count = Math.min(this.#paddingLeft, bytes.length - at);
    this.#paddingLeft -= count;
    if (this.#paddingLeft === 0) this.#state = 'header';
    return at + count;
  }
}
