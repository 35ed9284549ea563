import { compressionError, floodError } from './error-code.ts';
import { type FieldName, fieldName } from './field-name.ts';
import { HeaderField, internField, STATIC_FIELDS } from './header-field.ts';
import { decodedLimit, decodeHuffman } from './huffman.ts';
import { LiteralMemo } from './literal-memo.ts';

/** What a peer may use for its table: the size that holds without a setting. */
export const HEADER_TABLE_BYTES = 4096;

/** Entries cost at least 32 bytes each. */
const TABLE_SLOTS = 128;
const STATIC_COUNT: number = STATIC_FIELDS.length;
/** Integers over this are in no honest block. */
const INTEGER_SHIFT_LIMIT = 21;

const memo = new LiteralMemo();
/** Where the slots begin of fields that enter no table. */
const MEMO_OF_NOT_INDEXED = 64;

/** Shared: a string is decoded into it and read out at once. */
let scratch: Buffer = Buffer.allocUnsafeSlow(16 * 1024);

export interface HeaderListLimits {
  /** Names, values and 32 bytes for each field (RFC 9113 §6.5.2). */
  readonly maxHeaderListBytes: number;
  readonly maxHeaderFields: number;
}

/**
 * So many times over its limits a block is no mistake: a byte may stand for a field of
 * 4 KiB, and all of them are looked up to keep the tables in step.
 */
const BOMB_FACTOR = 4;

/**
 * Header blocks to fields (RFC 7541), for one direction of one connection.
 */
export class HpackDecoder {
  readonly #limits: HeaderListLimits;
  /** A ring: the newest entry stands before `#next`. */
  readonly #table: (HeaderField | undefined)[] = new Array(TABLE_SLOTS).fill(undefined);
  #next = 0;
  #count = 0;
  #tableBytes = 0;
  #tableLimit = HEADER_TABLE_BYTES;
  /** Where in the block we are. */
  #at = 0;
  readonly #fields: HeaderField[] = [];

  constructor(limits: HeaderListLimits) {
    this.#limits = limits;
  }

  /**
   * @returns the fields of one block; undefined when they are more than the limits
   *   allow, though the tables are in step with the peer's
   * @throws ConnectionError `http2-compression`: nothing can be decoded after it; or
   *   `http2-flood`: it is larger by far
   */
  decode(bytes: Buffer, from: number, to: number): HeaderField[] | undefined {
    const { maxHeaderListBytes, maxHeaderFields } = this.#limits;
    const fields = this.#fields;
    let count = 0;
    let listBytes = 0;
    this.#at = from;
    while (this.#at < to) {
      const first = bytes[this.#at] as number;
      if (first >= 0x20 && first < 0x40) {
        if (count > 0) throw compressionError('a table size update stands after a field');
        this.#resize(this.#integer(bytes, to, 0x1f));
        continue;
      }
      const field =
        first >= 0x80 ? this.#lookUp(this.#integer(bytes, to, 0x7f)) : this.#literal(bytes, to);
      listBytes += field.sizeBytes;
      if (count < maxHeaderFields) fields[count] = field;
      count++;
      if (count > maxHeaderFields * BOMB_FACTOR || listBytes > maxHeaderListBytes * BOMB_FACTOR) {
        throw floodError('a header block expands far beyond what is taken');
      }
    }
    const whole = count <= maxHeaderFields && listBytes <= maxHeaderListBytes;
    const list = whole ? fields.slice(0, count) : undefined;
    // Not to keep a field alive that is in no table.
    fields.length = Math.min(count, 32);
    return list;
  }

  #lookUp(index: number): HeaderField {
    const field =
      index <= STATIC_COUNT ? STATIC_FIELDS[index - 1] : this.#entry(index - STATIC_COUNT - 1);
    if (field === undefined) throw compressionError('a field refers to an entry that is not there');
    return field;
  }

  #entry(age: number): HeaderField | undefined {
    if (age >= this.#count) return undefined;
    return this.#table[(this.#next - 1 - age) & (TABLE_SLOTS - 1)];
  }

  #literal(bytes: Buffer, to: number): HeaderField {
    const first = bytes[this.#at] as number;
    const indexed = (first & 0x40) !== 0;
    const index = this.#integer(bytes, to, indexed ? 0x3f : 0x0f);
    const never = !indexed && (first & 0x10) !== 0;
    const field =
      index === 0 || index > STATIC_COUNT || never
        ? this.#newLiteral(bytes, to, index, indexed, never)
        : this.#memorable(bytes, to, index, indexed);
    if (indexed) this.#insert(field);
    return field;
  }

  #newLiteral(
    bytes: Buffer,
    to: number,
    index: number,
    indexed: boolean,
    never: boolean,
  ): HeaderField {
    const name: FieldName =
      index === 0 ? fieldName(this.#string(bytes, to)) : this.#lookUp(index).fieldName;
    const value = this.#string(bytes, to);
    return indexed ? internField(name, value) : new HeaderField(name, value, false, never, 0);
  }

  /** Its name is in the static table, and its value no secret. */
  #memorable(bytes: Buffer, to: number, index: number, indexed: boolean): HeaderField {
    const at = this.#at;
    const length = memo.lengthOf(bytes, at, to);
    if (length === 0) return this.#newLiteral(bytes, to, index, indexed, false);
    const slot = indexed ? index : index + MEMO_OF_NOT_INDEXED;
    const known = memo.find(slot, bytes, at, length);
    if (known !== undefined) {
      this.#at = at + length;
      return known;
    }
    const field = this.#newLiteral(bytes, to, index, indexed, false);
    memo.keep(slot, bytes, at, length, field);
    return field;
  }

  #insert(field: HeaderField): void {
    this.#evict(this.#tableLimit - field.sizeBytes);
    if (field.sizeBytes > this.#tableLimit) return;
    this.#table[this.#next] = field;
    this.#next = (this.#next + 1) & (TABLE_SLOTS - 1);
    this.#count++;
    this.#tableBytes += field.sizeBytes;
  }

  #resize(limit: number): void {
    if (limit > HEADER_TABLE_BYTES) throw compressionError('the table grows over its limit');
    this.#tableLimit = limit;
    this.#evict(limit);
  }

  #evict(toBytes: number): void {
    while (this.#tableBytes > toBytes && this.#count > 0) {
      const oldest = (this.#next - this.#count) & (TABLE_SLOTS - 1);
      this.#tableBytes -= (this.#table[oldest] as HeaderField).sizeBytes;
      this.#table[oldest] = undefined;
      this.#count--;
    }
  }

  /** RFC 7541 §5.1; `mask` is that of the prefix. */
  #integer(bytes: Buffer, to: number, mask: number): number {
    let value = (bytes[this.#at++] as number) & mask;
    if (value < mask) return value;
    for (let shift = 0; shift <= INTEGER_SHIFT_LIMIT; shift += 7) {
      if (this.#at >= to) break;
      const byte = bytes[this.#at++] as number;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw compressionError('an integer does not end');
  }

  #string(bytes: Buffer, to: number): string {
    if (this.#at >= to) throw compressionError('a header block ends within a field');
    const huffman = (bytes[this.#at] as number) >= 0x80;
    const length = this.#integer(bytes, to, 0x7f);
    const start = this.#at;
    const end = start + length;
    if (end > to) throw compressionError('a header block ends within a field');
    this.#at = end;
    if (!huffman) return bytes.toString('latin1', start, end);
    const limit = decodedLimit(length);
    if (scratch.length < limit) scratch = Buffer.allocUnsafeSlow(limit * 2);
    const decodedBytes = decodeHuffman(bytes, start, end, scratch);
    if (decodedBytes < 0) throw compressionError('a string is no valid Huffman code');
    return scratch.toString('latin1', 0, decodedBytes);
  }
}
