/** Up to this size, copying pieces costs less than handing each to the system. */
const GATHER_LIMIT_BYTES = 16 * 1024;
const SLAB_BYTES = 64 * 1024;

/** No byte of it is written twice, as the system may still be reading it. */
let slab: Buffer = Buffer.alloc(0);
let used = 0;

/** Small pieces as one; undefined when they are better left apart. */
export function gather(pieces: readonly Buffer[], bytes: number): Buffer | undefined {
  if (bytes > GATHER_LIMIT_BYTES) return undefined;
  if (slab.length - used < bytes) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    used = 0;
  }
  const start = used;
  for (const piece of pieces) {
    slab.set(piece, used);
    used += piece.length;
  }
  return slab.subarray(start, used);
}
