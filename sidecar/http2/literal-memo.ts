import type { HeaderField } from './header-field.ts';

/** For each name of the static table, indexed and not. */
const SLOTS = 128;
/** Longer values seldom repeat. */
const SLOT_BYTES = 64;

/**
 * The field that each name of the static table was last decoded to. Many peers send the
 * same literal in every message, as servers do with `date` and `server`: it is told by
 * its bytes, without decoding it. Process-wide, since the same bytes always mean the same.
 */
export class LiteralMemo {
  readonly #bytes: Buffer = Buffer.alloc(SLOTS * SLOT_BYTES);
  readonly #fields: (HeaderField | undefined)[] = new Array(SLOTS).fill(undefined);

  /** How long the string at `at` is, with its length; 0 when it is too long, or not all there. */
  lengthOf(bytes: Buffer, at: number, to: number): number {
    if (at >= to) return 0;
    const length = ((bytes[at] as number) & 0x7f) + 1;
    return length <= SLOT_BYTES && at + length <= to ? length : 0;
  }

  /** @param length from `lengthOf` */
  find(slot: number, bytes: Buffer, at: number, length: number): HeaderField | undefined {
    const known = this.#bytes;
    const start = slot * SLOT_BYTES;
    for (let i = 0; i < length; i++) if (known[start + i] !== bytes[at + i]) return undefined;
    return this.#fields[slot];
  }

  keep(slot: number, bytes: Buffer, at: number, length: number, field: HeaderField): void {
    const start = slot * SLOT_BYTES;
    for (let i = 0; i < length; i++) this.#bytes[start + i] = bytes[at + i] as number;
    this.#fields[slot] = field;
  }
}
