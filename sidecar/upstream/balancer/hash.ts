/**
 * FNV-1a over the characters of a text, 32 bits (draft-eastlake-fnv), with the
 * last step of MurmurHash3 so that texts that differ in one character lie far
 * apart. Every sidecar gets the same number for the same text.
 */
export function hashText(text: string, seed = 0x811c9dc5): number {
  let hash = seed;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return mix(hash);
}

/** Spreads every bit of a 32-bit number over all of them; an unsigned number. */
export function mix(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
