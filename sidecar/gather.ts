import { slab } from './slab.ts';

/** Up to this size, copying pieces costs less than handing each to the system. */
const GATHER_LIMIT_BYTES = 16 * 1024;

/** Small pieces as one; undefined when they are better left apart. */
export function gather(pieces: readonly Buffer[], bytes: number): Buffer | undefined {
  if (bytes > GATHER_LIMIT_BYTES) return undefined;
  let at = slab.reserve(bytes);
  for (const piece of pieces) at += piece.copy(slab.bytes, at);
  return slab.cut(at);
}

/**
 * What was moved together to one part of a buffer that was read up to `readTo`. Where it
 * is the smaller part it is copied: whoever kept it would keep all of the buffer.
 */
export function gatheredPart(bytes: Buffer, from: number, to: number, readTo: number): Buffer {
  const length = to - from;
  if (length * 2 > readTo - from) return bytes.subarray(from, to);
  const start = slab.reserve(length);
  bytes.copy(slab.bytes, start, from, to);
  return slab.cut(start + length);
}
