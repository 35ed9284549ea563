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
