import type { Transport } from '../transport.ts';
import { type Reclaiming, reclaimAtTurnEnd } from '../turn.ts';
import { FRAME_HEADER_BYTES } from './frame.ts';
import { returnSlab, takeSlab } from './slab.ts';

/** A slab this full is not worth copying into a larger one. */
const MOVE_LIMIT_BYTES = 4 * 1024;
/** A transport that is not done with more slabs than this may keep them. */
const LENT_LIMIT = 8;

const NOTHING: Buffer = Buffer.alloc(0);

/**
 * Frames of one connection that wait for the end of the turn. They are copied into
 * slabs, so that they leave in one write; the slabs are used again when the transport
 * is done with them.
 */
export class Output implements Reclaiming {
  readonly #transport: Transport;
  /** Where the next byte goes; only after `reserve`. */
  bytes: Buffer = NOTHING;
  at = 0;
  /** Slabs that were filled in this turn, and what of them is used. */
  readonly #full: Buffer[] = [];
  readonly #fullSlabs: Buffer[] = [];
  #fullBytes = 0;
  /** The transport may still read these. */
  readonly #lent: Buffer[] = [];
  /** They were looked at once, and it did. */
  #lookedAt = false;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** What waits. */
  get pendingBytes(): number {
    return this.#fullBytes + this.at;
  }

  /** Makes `bytes` free for so many bytes from `at`. Who writes them moves `at`. */
  reserve(room: number): void {
    if (this.at + room <= this.bytes.length) return;
    const before = this.bytes;
    const used = this.at;
    if (used > MOVE_LIMIT_BYTES) {
      this.#putAside();
      this.bytes = takeSlab(room);
      return;
    }
    this.bytes = takeSlab(used + room);
    before.copy(this.bytes, 0, 0, used);
    if (before !== NOTHING) returnSlab(before);
  }

  /** Writes a frame header, and makes room for the payload. */
  beginFrame(length: number, type: number, flags: number, streamId: number): void {
    this.reserve(FRAME_HEADER_BYTES + length);
    this.writeFrameHeader(this.at, length, type, flags, streamId);
    this.at += FRAME_HEADER_BYTES;
  }

  writeFrameHeader(
    at: number,
    length: number,
    type: number,
    flags: number,
    streamId: number,
  ): void {
    const { bytes } = this;
    bytes[at] = length >>> 16;
    bytes[at + 1] = length >>> 8;
    bytes[at + 2] = length;
    bytes[at + 3] = type;
    bytes[at + 4] = flags;
    bytes[at + 5] = streamId >>> 24;
    bytes[at + 6] = streamId >>> 16;
    bytes[at + 7] = streamId >>> 8;
    bytes[at + 8] = streamId;
  }

  /** Into room that was reserved. */
  writeUint16(value: number): void {
    this.bytes[this.at] = value >>> 8;
    this.bytes[this.at + 1] = value;
    this.at += 2;
  }

  /** Into room that was reserved. */
  writeUint32(value: number): void {
    const { bytes, at } = this;
    bytes[at] = value >>> 24;
    bytes[at + 1] = value >>> 16;
    bytes[at + 2] = value >>> 8;
    bytes[at + 3] = value;
    this.at = at + 4;
  }

  /** Into room that was reserved. */
  writeBytes(source: Buffer, from: number, to: number): void {
    source.copy(this.bytes, this.at, from, to);
    this.at += to - from;
  }

  /** Hands all to the transport. False when it asks to wait. */
  flush(): boolean {
    let more = true;
    for (const piece of this.#full) more = this.#transport.write(piece) && more;
    if (this.at > 0) more = this.#transport.write(this.bytes.subarray(0, this.at)) && more;
    for (const slab of this.#fullSlabs) this.#lent.push(slab);
    if (this.bytes !== NOTHING) this.#lent.push(this.bytes);
    this.#forget();
    this.#lookedAt = false;
    reclaimAtTurnEnd(this);
    return more;
  }

  /** Forgets what waits. */
  discard(): void {
    for (const slab of this.#fullSlabs) returnSlab(slab);
    if (this.bytes !== NOTHING) returnSlab(this.bytes);
    this.#forget();
  }

  /**
   * Takes back what the transport is done with. TLS is not done at once, so there is a
   * second look a turn later; after that when the transport drains, or is written to.
   */
  reclaim(): void {
    const lent = this.#lent;
    if (lent.length === 0) return;
    const { unsentBytes } = this.#transport;
    if (unsentBytes === 0) {
      for (const slab of lent) returnSlab(slab);
      lent.length = 0;
    } else if (unsentBytes === undefined || lent.length > LENT_LIMIT) {
      lent.length = 0;
    } else if (!this.#lookedAt) {
      this.#lookedAt = true;
      reclaimAtTurnEnd(this);
    }
  }

  #putAside(): void {
    this.#full.push(this.bytes.subarray(0, this.at));
    this.#fullSlabs.push(this.bytes);
    this.#fullBytes += this.at;
    this.at = 0;
  }

  #forget(): void {
    this.#full.length = 0;
    this.#fullSlabs.length = 0;
    this.#fullBytes = 0;
    this.bytes = NOTHING;
    this.at = 0;
  }
}
