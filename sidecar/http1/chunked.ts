import { MeshError } from '../../runtime/errors.ts';
import { gatheredPart } from '../gather.ts';
import { CR, FIELD_VALUE, HEX, LF } from './bytes.ts';
import { FIELD } from './field-kind.ts';
import { type Head, HeadReader } from './head.ts';

/** 12 digits are 256 TiB, and stay exact in a double. */
const SIZE_DIGITS = 12;
/** Extensions are dropped; these bounds keep them from being a way to send for ever. */
const EXTENSION_LIMIT_BYTES = 4096;
const TRAILER_LIMIT_BYTES = 16 * 1024;

type State =
  | 'size'
  | 'extension'
  | 'size-lf'
  | 'data'
  | 'data-cr'
  | 'data-lf'
  | 'trailers'
  | 'done';

/** Above this a chunk is passed on by itself; smaller ones of one buffer are moved together first. */
const GATHER_LIMIT_BYTES = 4096;

/** Takes what a body holds. Slices are of the buffer that was read. */
export interface BodySink {
  onBody(bytes: Buffer): void;
  /** @param trailers complete lines to relay, each ended by CRLF; undefined when there are none */
  onBodyEnd(trailers: Buffer | undefined): void;
}

/**
 * Reads the chunked coding (RFC 9112 §7.1). Strict: every line ends with CRLF,
 * sizes are hexadecimal digits alone, the data is followed by CRLF.
 *
 * Small chunks are moved together within the buffer that they came in, because a
 * sender of single bytes would otherwise cost a write and an object for each.
 */
export class ChunkedReader {
  #state: State = 'size';
  #digits = 0;
  #size = 0;
  #extensionBytes = 0;
  readonly #trailers = new HeadReader('trailers', TRAILER_LIMIT_BYTES);

  get done(): boolean {
    return this.#state === 'done';
  }

  /**
   * Gives the index up to which the bytes belong to the body, whose part of the
   * buffer may be changed. Error code: `bad-chunk`.
   */
  read(bytes: Buffer, from: number, sink: BodySink): number {
    let i = from;
    // What was gathered and not yet passed on.
    let start = from;
    let end = from;
    while (i < bytes.length && this.#state !== 'done' && this.#state !== 'trailers') {
      if (this.#state !== 'data') {
        this.#step(bytes[i++] as number);
        continue;
      }
      const dataEnd = Math.min(bytes.length, i + this.#size);
      const size = dataEnd - i;
      this.#size -= size;
      if (this.#size === 0) this.#state = 'data-cr';
      if (end > start && size <= GATHER_LIMIT_BYTES) {
        bytes.copyWithin(end, i, dataEnd);
        end += size;
      } else {
        if (end > start) sink.onBody(gatheredPart(bytes, start, end, i));
        start = i;
        end = dataEnd;
      }
      i = dataEnd;
    }
    if (end > start) sink.onBody(gatheredPart(bytes, start, end, i));
    return this.#state === 'trailers' && i < bytes.length ? this.#readTrailers(bytes, i, sink) : i;
  }

  #readTrailers(bytes: Buffer, from: number, sink: BodySink): number {
    const end = this.#trailers.feed(bytes, from);
    if (end < 0) return bytes.length;
    this.#state = 'done';
    sink.onBodyEnd(relayedTrailers(this.#trailers.head));
    return end;
  }

  #step(byte: number): void {
    switch (this.#state) {
      case 'size':
        this.#sizeByte(byte);
        break;
      case 'extension':
        if (byte === CR) this.#state = 'size-lf';
        else if (FIELD_VALUE[byte] !== 1) throw bad('a chunk extension holds a control byte');
        else if (++this.#extensionBytes > EXTENSION_LIMIT_BYTES)
          throw bad('chunk extensions are too long');
        break;
      case 'size-lf':
        if (byte !== LF) throw bad('a chunk size ends with CR without LF');
        this.#digits = 0;
        this.#state = this.#size === 0 ? 'trailers' : 'data';
        break;
      case 'data-cr':
        if (byte !== CR) throw bad('a chunk is longer than its size, or not ended by CRLF');
        this.#state = 'data-lf';
        break;
      case 'data-lf':
        if (byte !== LF) throw bad('a chunk ends with CR without LF');
        this.#state = 'size';
        break;
      default:
    }
  }

  #sizeByte(byte: number): void {
    const digit = HEX[byte] as number;
    if (digit !== 255) {
      if (++this.#digits > SIZE_DIGITS) throw bad('a chunk size has too many digits');
      this.#size = this.#size * 16 + digit;
      return;
    }
    if (this.#digits === 0) throw bad('a chunk size is missing');
    if (byte === CR) this.#state = 'size-lf';
    else if (byte === SEMICOLON) this.#state = 'extension';
    else throw bad('a chunk size is not hexadecimal');
  }
}

const SEMICOLON = 0x3b;

/** Fields about framing, routing or trust have no place behind a body (RFC 9110 §6.5.1). */
function relayedTrailers(head: Head): Buffer | undefined {
  const lines: Buffer[] = [];
  for (let field = 0; field < head.fieldCount; field++) {
    if (head.kind(field) !== FIELD.other) continue;
    lines.push(head.bytes.subarray(head.start(field), head.start(field + 1)));
  }
  return lines.length === 0 ? undefined : Buffer.concat(lines);
}

function bad(what: string): MeshError {
  return new MeshError('bad-chunk', what);
}
