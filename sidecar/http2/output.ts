import type { Transport } from '../transport.ts';
import { FRAME_HEADER_BYTES } from './frame.ts';

const NO_BYTES: Buffer = Buffer.alloc(0);
const SLAB_BYTES = 64 * 1024;
/** A slab with less room than this left is let go. */
const SMALLEST_ROOM_BYTES = 4 * 1024;
const FREE_SLABS_LIMIT = 64;

/**
 * Memory that frames are gathered in. A transport may hold on to what it was given, so
 * no byte is ever written twice: a slab is handed from connection to connection until
 * it is full.
 */
interface Slab {
  readonly bytes: Buffer;
  /** Up to here it was written. */
  used: number;
}

const freeSlabs: Slab[] = [];

function takeSlab(room: number): Slab {
  const free = freeSlabs.at(-1);
  if (free !== undefined && free.bytes.length - free.used >= room) {
    freeSlabs.pop();
    return free;
  }
  return { bytes: Buffer.allocUnsafeSlow(Math.max(room, SLAB_BYTES)), used: 0 };
}

function returnSlab(slab: Slab): void {
  if (slab.bytes.length - slab.used < SMALLEST_ROOM_BYTES) return;
  if (freeSlabs.length < FREE_SLABS_LIMIT) freeSlabs.push(slab);
}

/** Frames of one connection that wait for the end of the turn. */
export class Output {
  #slab: Slab | undefined;
  /** Where what was not yet written begins. */
  #start = 0;
  readonly #full: Buffer[] = [];
  #fullBytes = 0;
  /** Where the next byte goes; only after `reserve`. */
  bytes: Buffer = NO_BYTES;
  at = 0;

  /** What waits. */
  get pendingBytes(): number {
    return this.#fullBytes + this.at - this.#start;
  }

  /** Makes `bytes` free for so many bytes from `at`. Who writes them moves `at`. */
  reserve(room: number): void {
    if (this.at + room <= this.bytes.length) return;
    this.#putAside();
    const slab = takeSlab(room);
    this.#slab = slab;
    this.bytes = slab.bytes;
    this.#start = slab.used;
    this.at = slab.used;
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

  /** False when the transport asks to wait. */
  flush(transport: Transport): boolean {
    let more = true;
    for (const piece of this.#full) more = transport.write(piece) && more;
    this.#full.length = 0;
    this.#fullBytes = 0;
    if (this.at > this.#start) {
      more = transport.write(this.bytes.subarray(this.#start, this.at)) && more;
    }
    this.#letGo();
    return more;
  }

  /** Forgets what waits. */
  discard(): void {
    this.#full.length = 0;
    this.#fullBytes = 0;
    this.#letGo();
  }

  #putAside(): void {
    if (this.at > this.#start) {
      this.#full.push(this.bytes.subarray(this.#start, this.at));
      this.#fullBytes += this.at - this.#start;
    }
    this.#letGo();
  }

  #letGo(): void {
    if (this.#slab === undefined) return;
    this.#slab.used = this.at;
    returnSlab(this.#slab);
    this.#slab = undefined;
    this.bytes = NO_BYTES;
    this.#start = 0;
    this.at = 0;
  }
}
