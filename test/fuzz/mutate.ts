import type { Random } from './target.ts';

/** What parsers stumble over: ends of ranges, line ends, separators, digits. */
const BYTES = [0, 1, 9, 10, 11, 13, 32, 34, 35, 37, 44, 47, 48, 57, 58, 59, 63, 95, 127, 128, 255];
const MAX_CHANGES = 6;
const MAX_REPEATS = 400;

/**
 * Changes an input at a few random places.
 *
 * @param others inputs to take pieces of
 * @param tokens pieces that mean something
 */
export function mutate(
  input: Buffer,
  others: readonly Buffer[],
  tokens: readonly Buffer[],
  limitBytes: number,
  random: Random,
): Buffer {
  let bytes = input;
  const changes = 1 + random.below(MAX_CHANGES);
  for (let i = 0; i < changes; i++) bytes = change(bytes, others, tokens, random);
  return bytes.length > limitBytes ? bytes.subarray(0, limitBytes) : bytes;
}

function change(
  bytes: Buffer,
  others: readonly Buffer[],
  tokens: readonly Buffer[],
  random: Random,
): Buffer {
  const from = random.below(bytes.length + 1);
  const to = from + random.below(Math.min(bytes.length - from, 64) + 1);
  const piece = bytes.subarray(from, to);
  switch (random.below(10)) {
    case 0:
      return replaced(bytes, from, Buffer.of(random.below(256)), 1);
    case 1:
      return replaced(bytes, from, Buffer.of(BYTES[random.below(BYTES.length)] ?? 0), 1);
    case 2:
      return replaced(bytes, from, Buffer.of(BYTES[random.below(BYTES.length)] ?? 0), 0);
    case 3:
      return replaced(bytes, from, Buffer.of((bytes[from] ?? 0) ^ (1 << random.below(8))), 1);
    case 4:
      return replaced(bytes, from, Buffer.alloc(0), to - from);
    case 5:
      return replaced(bytes, random.below(bytes.length + 1), piece, 0);
    case 6:
      return replaced(bytes, from, repeated(piece, random), 0);
    case 7: {
      const other = others[random.below(others.length)] ?? bytes;
      return Buffer.concat([
        bytes.subarray(0, from),
        other.subarray(random.below(other.length + 1)),
      ]);
    }
    case 8:
      return bytes.subarray(0, from);
    default:
      return replaced(bytes, from, pick(tokens, random), random.below(2) * (to - from));
  }
}

/** @param removed how many bytes make room */
function replaced(bytes: Buffer, at: number, by: Buffer, removed: number): Buffer {
  return Buffer.concat([bytes.subarray(0, at), by, bytes.subarray(at + removed)]);
}

/** Mostly a few times; now and then often enough to meet a limit. */
function repeated(piece: Buffer, random: Random): Buffer {
  const times = random.below(20) === 0 ? random.below(MAX_REPEATS) : random.below(4);
  return Buffer.concat(Array.from({ length: times }, () => piece));
}

function pick(pieces: readonly Buffer[], random: Random): Buffer {
  return pieces[random.below(pieces.length)] ?? Buffer.alloc(0);
}

/** Cuts bytes at a few random places, or into single bytes. */
export function cut(bytes: Buffer, random: Random): Buffer[] {
  const pieces: Buffer[] = [];
  const longest = random.below(4) === 0 ? 1 : 1 + random.below(bytes.length + 1);
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + random.below(longest);
    // Copies: what a reader keeps of a buffer must not be changed by what comes later.
    pieces.push(Buffer.from(bytes.subarray(at, end)));
    at = end;
  }
  return pieces;
}
