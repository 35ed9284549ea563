/**
 * Something that takes bytes from strangers.
 *
 * To add one: a file in `targets/` that exports it, and a line in `targets.ts`.
 *
 * @example
 * export const hpack: FuzzTarget = {
 *   name: 'hpack',
 *   seeds: [Buffer.from('828684418cf1e3c2e5f23a6ba0ab90f4ff', 'hex')],
 *   tokens: [Buffer.from('3fe11f', 'hex')],
 *   run: (bytes, random) => outcomeOf(() => new HpackDecoder().decode(bytes)),
 * };
 */
export interface FuzzTarget {
  readonly name: string;
  /** Good inputs, from which bad ones are made. */
  readonly seeds: readonly Buffer[];
  /** What means something in the language, to be put in at random places. */
  readonly tokens: readonly Buffer[];
  /**
   * Takes the bytes, which it must not change, and throws when something is wrong: an exception that is no
   * MeshError, two readings that differ, a promise that does not hold.
   *
   * @returns what became of them, in a few words without numbers: an input with a new
   *   outcome is worth mutating further
   */
  run(bytes: Buffer, random: Random): string;
}

/** A sequence that is the same for the same start. */
export interface Random {
  /** From 0 up to, not including, the limit. */
  below(limit: number): number;
}
