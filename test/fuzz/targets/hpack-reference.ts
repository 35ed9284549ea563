import { CODE_LENGTHS } from '../../../sidecar/http2/huffman.ts';
import { STATIC_TABLE } from '../../../sidecar/http2/static-table.ts';

type Field = readonly [name: string, value: string];

export interface ReferenceBlock {
  readonly fields: readonly Field[];
  readonly tooLarge: boolean;
}

const TABLE_BYTES = 4096;
/** RFC 7541 §5.1 leaves it to us how long an integer may be. */
const INTEGER_BYTES = 4;
const END_OF_STRING = 256;

/** Symbols by their code, as a string of bits. */
const SYMBOLS: ReadonlyMap<string, number> = symbols();

function symbols(): Map<string, number> {
  const inOrder = CODE_LENGTHS.map((length, symbol) => ({ length, symbol })).sort(
    (a, b) => a.length - b.length || a.symbol - b.symbol,
  );
  const found = new Map<string, number>();
  let code = 0n;
  let before = 0;
  for (const { length, symbol } of inOrder) {
    code <<= BigInt(length - before);
    before = length;
    found.set(code.toString(2).padStart(length, '0'), symbol);
    code += 1n;
  }
  return found;
}

/** HPACK read as RFC 7541 tells it, without a thought of speed. */
export class ReferenceDecoder {
  readonly #limits: { readonly maxHeaderListBytes: number; readonly maxHeaderFields: number };
  /** The newest first. */
  #table: Field[] = [];
  #limit = TABLE_BYTES;
  #rest: number[] = [];

  constructor(limits: { readonly maxHeaderListBytes: number; readonly maxHeaderFields: number }) {
    this.#limits = limits;
  }

  /** Undefined when the block is malformed. */
  decode(block: Uint8Array): ReferenceBlock | undefined {
    this.#rest = [...block];
    const fields: Field[] = [];
    try {
      while (this.#rest.length > 0) {
        const [first = 0] = this.#rest;
        if (first >= 0x80) fields.push(this.#at(this.#integer(7)));
        else if (first >= 0x40) {
          const field = this.#literal(6);
          fields.push(field);
          this.#table.unshift(field);
          this.#shrink();
        } else if (first < 0x20) fields.push(this.#literal(4));
        else {
          const limit = this.#integer(5);
          if (fields.length > 0 || limit > TABLE_BYTES) throw new Malformed();
          this.#limit = limit;
          this.#shrink();
        }
      }
    } catch (error) {
      if (error instanceof Malformed) return undefined;
      throw error;
    }
    const { maxHeaderFields, maxHeaderListBytes } = this.#limits;
    const tooLarge = fields.length > maxHeaderFields || sizeOf(fields) > maxHeaderListBytes;
    return { fields, tooLarge };
  }

  #shrink(): void {
    while (sizeOf(this.#table) > this.#limit) this.#table.pop();
  }

  #at(index: number): Field {
    const field = STATIC_TABLE[index - 1] ?? this.#table[index - 1 - STATIC_TABLE.length];
    if (field === undefined) throw new Malformed();
    return field;
  }

  #literal(bits: number): Field {
    const index = this.#integer(bits);
    const name = index === 0 ? this.#string() : this.#at(index)[0];
    return [name, this.#string()];
  }

  #integer(bits: number): number {
    const all = 2 ** bits - 1;
    let value = this.#byte() & all;
    if (value < all) return value;
    for (let i = 0; i < INTEGER_BYTES; i++) {
      const byte = this.#byte();
      value += (byte & 0x7f) * 128 ** i;
      if (byte < 0x80) return value;
    }
    throw new Malformed();
  }

  #string(): string {
    const huffman = (this.#rest[0] ?? 0) >= 0x80;
    const length = this.#integer(7);
    if (length > this.#rest.length) throw new Malformed();
    const bytes = this.#rest.splice(0, length);
    return Buffer.from(huffman ? expand(bytes) : bytes).toString('latin1');
  }

  #byte(): number {
    const byte = this.#rest.shift();
    if (byte === undefined) throw new Malformed();
    return byte;
  }
}

class Malformed extends Error {}

/** RFC 7541 §5.2: the padding is shorter than a byte, and the beginning of the end of string. */
function expand(bytes: readonly number[]): number[] {
  const found: number[] = [];
  let code = '';
  for (const bit of bytes.map((byte) => byte.toString(2).padStart(8, '0')).join('')) {
    code += bit;
    const symbol = SYMBOLS.get(code);
    if (symbol === undefined) continue;
    if (symbol === END_OF_STRING) throw new Malformed();
    found.push(symbol);
    code = '';
  }
  if (code.length > 7 || code.includes('0')) throw new Malformed();
  return found;
}

function sizeOf(fields: readonly Field[]): number {
  return fields.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
}
