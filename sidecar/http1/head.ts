import { MeshError } from '../../runtime/errors.ts';
import { CR, FIELD_VALUE, LF, LOWER, TOKEN } from './bytes.ts';
import { FIELD, type FieldKind, fieldKind } from './field-kind.ts';

/** Envoy and common servers refuse beyond 8 to 64 KiB; the generous end breaks nobody. */
export const HEAD_LIMIT_BYTES: number = 64 * 1024;
const FIELD_COUNT_LIMIT = 256;

const STRIDE = 5;

/**
 * The head of a message as the bytes that came, and where its parts are in them.
 * Nothing is copied or turned into a string before somebody asks.
 */
export class Head {
  readonly bytes: Buffer;
  /** The start line without its CRLF; empty in a trailer section. */
  lineStart: number;
  lineEnd: number;
  /** Where the empty line after the last field begins. */
  fieldsEnd = 0;
  /** For each field: start and end of the name, start and end of the value, kind. */
  readonly #fields: number[];
  #fieldCount = 0;
  /** Which kinds there are: bit n stands for kind n. */
  #kinds = 0;

  /** @param fields memory for it; what an earlier head noted there is lost */
  constructor(bytes: Buffer, lineStart: number, fields: number[]) {
    this.bytes = bytes;
    this.#fields = fields;
    this.lineStart = lineStart;
    this.lineEnd = lineStart;
  }

  get fieldCount(): number {
    return this.#fieldCount;
  }

  addField(nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): void {
    const kind = fieldKind(this.bytes, nameStart, nameEnd);
    const fields = this.#fields;
    const at = this.#fieldCount * STRIDE;
    fields[at] = nameStart;
    fields[at + 1] = nameEnd;
    fields[at + 2] = valueStart;
    fields[at + 3] = valueEnd;
    fields[at + 4] = kind;
    this.#kinds |= 1 << kind;
    this.#fieldCount++;
  }

  /** Some field is of this kind. */
  has(kind: FieldKind): boolean {
    return (this.#kinds & (1 << kind)) !== 0;
  }

  /** All fields are of kinds in a set, as bits. */
  hasOnly(kinds: number): boolean {
    return (this.#kinds & ~kinds) === 0;
  }

  kind(field: number): FieldKind {
    return this.#fields[field * STRIDE + 4] as FieldKind;
  }

  /** A field that the sender declared to concern this hop only, or that is not to go on. */
  markHop(field: number): void {
    this.#fields[field * STRIDE + 4] = FIELD.hop;
    this.#kinds |= 1 << FIELD.hop;
  }

  /** Those of that name do not go on. What we write ourselves (host, framing, trust) is not touched. */
  drop(name: string): void {
    for (let field = 0; field < this.#fieldCount; field++) {
      if (this.kind(field) === FIELD.other && this.isNamed(field, name)) this.markHop(field);
    }
  }

  /** Where the field's line begins; after the last field, where the lines end. */
  start(field: number): number {
    return field < this.#fieldCount ? (this.#fields[field * STRIDE] as number) : this.fieldsEnd;
  }

  value(field: number): string {
    const at = field * STRIDE;
    return this.bytes.toString('latin1', this.#fields[at + 2], this.#fields[at + 3]);
  }

  valueStart(field: number): number {
    return this.#fields[field * STRIDE + 2] as number;
  }

  valueEnd(field: number): number {
    return this.#fields[field * STRIDE + 3] as number;
  }

  /** The value, letters taken as small ones, is exactly this text in lower case. */
  valueIs(field: number, text: string): boolean {
    const start = this.valueStart(field);
    if (this.valueEnd(field) - start !== text.length) return false;
    for (let i = 0; i < text.length; i++) {
      if (LOWER[this.bytes[start + i] as number] !== text.charCodeAt(i)) return false;
    }
    return true;
  }

  /** @param name in lower case */
  isNamed(field: number, name: string): boolean {
    const start = this.start(field);
    if ((this.#fields[field * STRIDE + 1] as number) - start !== name.length) return false;
    for (let i = 0; i < name.length; i++) {
      if (LOWER[this.bytes[start + i] as number] !== name.charCodeAt(i)) return false;
    }
    return true;
  }

  /** The values of all fields of that name, joined with `, ` (RFC 9110 §5.3). */
  header(name: string): string | undefined {
    let joined: string | undefined;
    for (let field = 0; field < this.#fieldCount; field++) {
      if (!this.isNamed(field, name)) continue;
      joined = joined === undefined ? this.value(field) : `${joined}, ${this.value(field)}`;
    }
    return joined;
  }
}

export type HeadOf = 'request' | 'response' | 'trailers';

const NOTHING: Buffer = Buffer.alloc(0);
const NO_HEAD: Head = new Head(NOTHING, 0, []);

/**
 * Collects the bytes of a head, however they are cut, and finds its lines and
 * fields in one pass. Strict: each line ends with CRLF, nothing is folded, no
 * name is empty or followed by a space, no value holds a control byte.
 *
 * A line is parsed once, when it is complete, so that a sender of single bytes
 * costs no more than any other.
 */
export class HeadReader {
  /** Valid after `feed` gave an index, until the next `feed`; so is what was parsed from it. */
  head: Head = NO_HEAD;
  readonly #fields: number[] = [];
  readonly #of: HeadOf;
  readonly #limitBytes: number;
  /** What came of an incomplete head; the first `#heldBytes` are in use. */
  #held = NOTHING;
  #heldBytes = 0;
  /** Up to where an incomplete head was searched for the end of a line. */
  #searched = 0;
  /** Where the first line begins that is not parsed yet. */
  #next = 0;
  #startLineDone = false;

  constructor(of: HeadOf, limitBytes: number = HEAD_LIMIT_BYTES) {
    this.#of = of;
    this.#limitBytes = limitBytes;
  }

  /** Some of a head came, but not all. */
  get started(): boolean {
    return this.#heldBytes > 0;
  }

  /**
   * Takes bytes from an offset on. Gives the index after the head, or -1 when more
   * is needed; what was given is then kept.
   *
   * Error codes: `bad-head`, `head-too-large`.
   */
  feed(bytes: Buffer, from: number): number {
    if (this.#heldBytes === 0) {
      this.#begin(bytes, from);
      const end = this.#parse(Math.min(bytes.length, from + this.#limitBytes));
      if (end >= 0) return end;
    }
    const before = this.#heldBytes;
    this.#hold(bytes, from);
    const lineFeed = this.#held.indexOf(LF, this.#searched);
    if (before > 0 && lineFeed >= 0 && lineFeed < this.#heldBytes) {
      const end = this.#parse(this.#heldBytes);
      if (end >= 0) {
        this.#held = NOTHING;
        this.#heldBytes = 0;
        return from + end - before;
      }
    }
    this.#searched = before === 0 ? 0 : this.#heldBytes;
    if (this.#heldBytes >= this.#limitBytes) {
      throw new MeshError(
        'head-too-large',
        `the head is longer than ${this.#limitBytes} bytes; send fewer or shorter headers`,
      );
    }
    return -1;
  }

  #begin(bytes: Buffer, from: number): void {
    this.head = new Head(bytes, from, this.#fields);
    this.#next = from;
    this.#searched = 0;
    this.#startLineDone = this.#of === 'trailers';
  }

  /** When the buffer must grow, the lines in it are parsed again: rare, and bounded. */
  #hold(bytes: Buffer, from: number): void {
    const taken = Math.min(bytes.length - from, this.#limitBytes - this.#heldBytes);
    const needed = this.#heldBytes + taken;
    if (needed > this.#held.length) {
      const larger = Buffer.allocUnsafe(Math.min(this.#limitBytes, Math.max(1024, 2 * needed)));
      this.#held.copy(larger, 0, 0, this.#heldBytes);
      this.#held = larger;
      this.#begin(larger, 0);
    }
    bytes.copy(this.#held, this.#heldBytes, from, from + taken);
    this.#heldBytes = needed;
  }

  #parse(limit: number): number {
    const head = this.head;
    const bytes = head.bytes;
    let i = this.#next;
    if (!this.#startLineDone) {
      // Some clients send an empty line after a body (RFC 9112 §2.2): one is let pass.
      if (this.#of === 'request' && bytes[i] === CR && i + 1 < limit && bytes[i + 1] === LF) {
        i += 2;
        head.lineStart = i;
      }
      while (i < limit && FIELD_VALUE[bytes[i] as number] === 1) i++;
      if (i + 1 >= limit) return -1;
      if (bytes[i] !== CR || bytes[i + 1] !== LF) throw badByte(bytes[i] as number, 'start line');
      head.lineEnd = i;
      i += 2;
      this.#next = i;
      this.#startLineDone = true;
    }
    for (;;) {
      if (i + 1 >= limit) return -1;
      if (bytes[i] === CR) {
        if (bytes[i + 1] !== LF) throw badByte(CR, 'head');
        head.fieldsEnd = i;
        return i + 2;
      }
      const nameStart = i;
      while (i < limit && TOKEN[bytes[i] as number] === 1) i++;
      if (i === limit) return -1;
      if (bytes[i] !== COLON) throw badName(bytes, nameStart, i);
      const nameEnd = i++;
      if (nameEnd === nameStart) throw new MeshError('bad-head', 'a header has no name');
      while (i < limit && isSpace(bytes[i] as number)) i++;
      const valueStart = i;
      while (i < limit && FIELD_VALUE[bytes[i] as number] === 1) i++;
      if (i + 1 >= limit) return -1;
      if (bytes[i] !== CR || bytes[i + 1] !== LF) throw badByte(bytes[i] as number, 'header value');
      let valueEnd = i;
      while (valueEnd > valueStart && isSpace(bytes[valueEnd - 1] as number)) valueEnd--;
      if (head.fieldCount === FIELD_COUNT_LIMIT) {
        throw new MeshError('head-too-large', `the head has over ${FIELD_COUNT_LIMIT} headers`);
      }
      head.addField(nameStart, nameEnd, valueStart, valueEnd);
      i += 2;
      this.#next = i;
    }
  }
}

const COLON = 0x3a;
const SPACE = 0x20;
const TAB = 0x09;

function isSpace(byte: number): boolean {
  return byte === SPACE || byte === TAB;
}

function badByte(byte: number, where: string): MeshError {
  if (byte === LF) return new MeshError('bad-head', `the ${where} ends with LF instead of CRLF`);
  if (byte === CR) return new MeshError('bad-head', `the ${where} holds CR without LF`);
  return new MeshError('bad-head', `the ${where} holds the control byte 0x${hex(byte)}`);
}

function badName(bytes: Buffer, start: number, at: number): MeshError {
  const byte = bytes[at] as number;
  if (at === start && isSpace(byte)) return new MeshError('bad-head', 'a header is folded');
  if (isSpace(byte))
    return new MeshError('bad-head', 'a space stands before the colon of a header');
  if (byte === LF || byte === CR)
    return new MeshError('bad-head', 'a line of the head has no colon');
  return new MeshError('bad-head', `a header's name holds the byte 0x${hex(byte)}`);
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}
