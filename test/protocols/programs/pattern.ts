import { createHash, type Hash } from 'node:crypto';

/** A prime, so that a block that is lost or doubled moves all that follows. */
const PERIOD = 65_521;
const TABLE = makeTable();

/** How much a server sends that is not asked. */
export const SENT_BYTES = 20_000_000;

/** Bytes `[from, to)` of a sequence that both ends can compute. */
export function patternBytes(from: number, to: number): Buffer {
  const bytes = Buffer.allocUnsafe(to - from);
  for (let at = 0; at < bytes.length; ) {
    const start = (from + at) % PERIOD;
    at += TABLE.copy(bytes, at, start, Math.min(PERIOD, start + bytes.length - at));
  }
  return bytes;
}

/** SHA-256 of the first bytes of the sequence. */
export function patternDigest(length: number): string {
  const hash = createHash('sha256');
  for (const piece of patternPieces(length)) hash.update(piece);
  return hash.digest('hex');
}

/** The first bytes of the sequence, piece by piece. */
export function* patternPieces(length: number, pieceBytes = PERIOD): Generator<Buffer> {
  for (let at = 0; at < length; at += pieceBytes) {
    yield patternBytes(at, Math.min(length, at + pieceBytes));
  }
}

/** What has come, as a length and a digest. */
export class Digest {
  bytes = 0;
  readonly #hash: Hash = createHash('sha256');

  add(chunk: Buffer): void {
    this.bytes += chunk.length;
    this.#hash.update(chunk);
  }

  get hex(): string {
    return this.#hash.copy().digest('hex');
  }
}

function makeTable(): Buffer {
  const table = Buffer.allocUnsafe(PERIOD);
  let state = 0x2545f491;
  for (let at = 0; at < PERIOD; at += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    table[at] = state & 0xff;
  }
  return table;
}
