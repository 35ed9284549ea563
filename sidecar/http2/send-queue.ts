import type { HeaderField } from './header-field.ts';

/** Part of a larger buffer that would be kept alive by it is copied. */
const WASTE_FACTOR = 4;
/** Smaller pieces are gathered, because each costs a hundred bytes by itself. */
const SMALL_BYTES = 256;
const BLOCK_BYTES = 2 * 1024;

/** What one stream has to send and may not yet: data, then its end or trailers. */
export class SendQueue {
  #chunks: Buffer[] = [];
  #first = 0;
  /** Where small pieces are gathered; what is used of it is the last chunk. */
  #block: Buffer | undefined;
  #blockBytes = 0;
  /** Of the first chunk, how much is gone. */
  #offset = 0;
  bytes = 0;
  /** Nothing comes after what is queued. */
  ended = false;
  trailers: readonly HeaderField[] | undefined;
  /** The owner waits for `onWritable`. */
  awaited = false;
  /** All that ever left it. */
  takenBytes = 0;
  /** For the deadline of a stream whose peer takes nothing. */
  stalledTicks = 0;
  takenAtTick = 0;

  push(bytes: Buffer): void {
    if (bytes.length <= SMALL_BYTES) {
      this.#gather(bytes);
      return;
    }
    this.#block = undefined;
    const wasteful = bytes.length * WASTE_FACTOR < bytes.buffer.byteLength;
    this.#chunks.push(wasteful ? Buffer.from(bytes) : bytes);
    this.bytes += bytes.length;
  }

  /** Moves so many bytes, which must be there, into `target`. */
  take(count: number, target: Buffer, at: number): void {
    this.bytes -= count;
    this.takenBytes += count;
    while (count > 0) {
      const chunk = this.#chunks[this.#first] as Buffer;
      const part = Math.min(count, chunk.length - this.#offset);
      chunk.copy(target, at, this.#offset, this.#offset + part);
      at += part;
      count -= part;
      this.#offset += part;
      if (this.#offset === chunk.length) this.#dropFirst();
    }
  }

  #gather(bytes: Buffer): void {
    this.bytes += bytes.length;
    const before = this.#block;
    if (before === undefined || this.#blockBytes + bytes.length > BLOCK_BYTES) {
      const block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
      bytes.copy(block);
      this.#block = block;
      this.#blockBytes = bytes.length;
      this.#chunks.push(block.subarray(0, bytes.length));
      return;
    }
    bytes.copy(before, this.#blockBytes);
    this.#blockBytes += bytes.length;
    this.#chunks[this.#chunks.length - 1] = before.subarray(0, this.#blockBytes);
  }

  #dropFirst(): void {
    this.#offset = 0;
    this.#first++;
    if (this.#first === this.#chunks.length) {
      this.#chunks.length = 0;
      this.#first = 0;
      this.#block = undefined;
    } else if (this.#first > 32 && this.#first * 2 > this.#chunks.length) {
      this.#chunks.splice(0, this.#first);
      this.#first = 0;
    }
  }
}
