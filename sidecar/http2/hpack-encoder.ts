import type { HeaderField } from './header-field.ts';
import { HEADER_TABLE_BYTES } from './hpack-decoder.ts';
import { STATIC_TABLE } from './static-table.ts';

/** Entries cost at least 32 bytes each. */
const TABLE_SLOTS = 128;
/** A size update is at most this long; two of them may stand before a block. */
const SIZE_UPDATE_BYTES = 4;
/** The most that two lengths and an index take. */
const FIELD_PREFIX_BYTES = 12;
/** Shorter strings are copied faster in a loop than by a call. */
const SHORT_STRING = 24;

/**
 * Fields to header blocks (RFC 7541), for one direction of one connection. A field
 * enters the table when its sender chose so; strings are sent as they are.
 */
export class HpackEncoder {
  /** The number of the insertion by which each field of the table entered. */
  readonly #insertions = new Map<HeaderField, number>();
  readonly #table: (HeaderField | undefined)[] = new Array(TABLE_SLOTS).fill(undefined);
  #inserted = 0;
  #evicted = 0;
  #tableBytes = 0;
  #tableLimit = HEADER_TABLE_BYTES;
  /** The smallest limit since the last block; -1 when it has not changed. */
  #smallestLimit = -1;

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. */
  limitTable(bytes: number): void {
    const limit = Math.min(bytes, HEADER_TABLE_BYTES);
    if (limit === this.#tableLimit) return;
    this.#tableLimit = limit;
    this.#smallestLimit = this.#smallestLimit < 0 ? limit : Math.min(this.#smallestLimit, limit);
    this.#evict(limit);
  }

  /** No block of these fields is longer. */
  limitOf(fields: readonly HeaderField[]): number {
    let bytes = 2 * SIZE_UPDATE_BYTES;
    for (const field of fields) bytes += field.sizeBytes + FIELD_PREFIX_BYTES;
    return bytes;
  }

  /** Writes at `at`, where `limitOf` bytes are free; returns where the block ends. */
  encode(fields: readonly HeaderField[], target: Buffer, at: number): number {
    if (this.#smallestLimit >= 0) at = this.#writeSizeUpdates(target, at);
    for (let i = 0; i < fields.length; i++) at = this.#field(fields[i] as HeaderField, target, at);
    return at;
  }

  #writeSizeUpdates(target: Buffer, at: number): number {
    if (this.#smallestLimit < this.#tableLimit) {
      at = writeInteger(target, at, 0x20, 0x1f, this.#smallestLimit);
    }
    this.#smallestLimit = -1;
    return writeInteger(target, at, 0x20, 0x1f, this.#tableLimit);
  }

  #field(field: HeaderField, target: Buffer, at: number): number {
    if (field.staticIndex !== 0) {
      target[at] = 0x80 | field.staticIndex;
      return at + 1;
    }
    if (field.indexed) {
      const insertion = this.#insertions.get(field);
      if (insertion !== undefined) {
        const index = STATIC_TABLE.length + this.#inserted - insertion;
        return writeInteger(target, at, 0x80, 0x7f, index);
      }
      // A large one would throw out the rest for little.
      if (field.sizeBytes <= this.#tableLimit >> 1) {
        at = writeLiteral(field, target, at, 0x40, 0x3f);
        this.#insert(field);
        return at;
      }
    }
    return writeLiteral(field, target, at, field.neverIndexed ? 0x10 : 0, 0x0f);
  }

  #insert(field: HeaderField): void {
    this.#evict(this.#tableLimit - field.sizeBytes);
    this.#insertions.set(field, this.#inserted);
    this.#table[this.#inserted & (TABLE_SLOTS - 1)] = field;
    this.#inserted++;
    this.#tableBytes += field.sizeBytes;
  }

  #evict(toBytes: number): void {
    while (this.#tableBytes > toBytes) {
      const slot = this.#evicted & (TABLE_SLOTS - 1);
      const oldest = this.#table[slot] as HeaderField;
      this.#table[slot] = undefined;
      this.#insertions.delete(oldest);
      this.#tableBytes -= oldest.sizeBytes;
      this.#evicted++;
    }
  }
}

function writeLiteral(
  field: HeaderField,
  target: Buffer,
  at: number,
  pattern: number,
  mask: number,
): number {
  const { staticIndex } = field.fieldName;
  at = writeInteger(target, at, pattern, mask, staticIndex);
  if (staticIndex === 0) at = writeString(target, at, field.name);
  return writeString(target, at, field.value);
}

/** RFC 7541 §5.1; `mask` is that of the prefix. */
function writeInteger(
  target: Buffer,
  at: number,
  pattern: number,
  mask: number,
  value: number,
): number {
  if (value < mask) {
    target[at] = pattern | value;
    return at + 1;
  }
  target[at++] = pattern | mask;
  value -= mask;
  while (value >= 0x80) {
    target[at++] = (value & 0x7f) | 0x80;
    value >>>= 7;
  }
  target[at] = value;
  return at + 1;
}

function writeString(target: Buffer, at: number, text: string): number {
  const { length } = text;
  at = writeInteger(target, at, 0, 0x7f, length);
  if (length <= SHORT_STRING) {
    for (let i = 0; i < length; i++) target[at + i] = text.charCodeAt(i);
  } else {
    target.write(text, at, 'latin1');
  }
  return at + length;
}
