/** Enough for what most connections write in a turn. */
const SMALL_BYTES = 4 * 1024;
/** A read of 64 KiB passed on, with the frame headers that come to it. */
const LARGE_BYTES = 66 * 1024;
/** What the pools keep at most: 4 MiB each. */
const SMALL_KEPT = 1024;
const LARGE_KEPT = 64;

const small: Buffer[] = [];
const large: Buffer[] = [];

/** Memory for frames, at least so much: pooled unless it is over 66 KiB. */
export function takeSlab(bytes: number): Buffer {
  if (bytes <= SMALL_BYTES) return small.pop() ?? Buffer.allocUnsafeSlow(SMALL_BYTES);
  if (bytes <= LARGE_BYTES) return large.pop() ?? Buffer.allocUnsafeSlow(LARGE_BYTES);
  return Buffer.allocUnsafeSlow(bytes);
}

/** Nobody reads it any more. */
export function returnSlab(slab: Buffer): void {
  if (slab.length === SMALL_BYTES) {
    if (small.length < SMALL_KEPT) small.push(slab);
  } else if (slab.length === LARGE_BYTES) {
    if (large.length < LARGE_KEPT) large.push(slab);
  }
}
