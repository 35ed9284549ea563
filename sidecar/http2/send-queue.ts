import type { HeaderField } from './header-field.ts';

/** Part of a larger buffer that would be kept alive by it is copied. */
const WASTE_FACTOR = 4;

/** What one stream has to send and may not yet: data, then its end or trailers. */
export class SendQueue {
  #chunks: Buffer[] = [];
  #first = 0;
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

  #dropFirst(): void {
    this.#offset = 0;
    this.#first++;
    if (this.#first === this.#chunks.length) {
      this.#chunks.length = 0;
      this.#first = 0;
    } else if (this.#first > 32 && this.#first * 2 > this.#chunks.length) {
      this.#chunks.splice(0, this.#first);
      this.#first = 0;
    }
  }
}
