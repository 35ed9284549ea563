const SLAB_BYTES = 64 * 1024;

/**
 * Memory that small buffers are cut from, one behind the other. No byte of it is
 * written twice, because nobody knows who still reads it.
 */
class Slab {
  /** Where to write, from `used` on, after `reserve`. */
  bytes: Buffer = Buffer.allocUnsafeSlow(SLAB_BYTES);
  used = 0;

  /** Makes room for so many bytes. Gives where they begin. */
  reserve(count: number): number {
    if (this.bytes.length - this.used < count) {
      this.bytes = Buffer.allocUnsafeSlow(Math.max(count, SLAB_BYTES));
      this.used = 0;
    }
    return this.used;
  }

  /** What was written since `reserve`, up to `end`, as a buffer. */
  cut(end: number): Buffer {
    const start = this.used;
    this.used = end;
    return this.bytes.subarray(start, end);
  }
}

/** One for all: nothing keeps room in it over a call to somebody else. */
export const slab: Slab = new Slab();
