/**
 * A set of values by key that can be watched. Sources and derivations alike are
 * collections (after Istio's krt), so a derivation does not know what feeds it.
 *
 * Values are immutable. A change that leaves a value deeply equal is not told.
 */
export interface Collection<T> {
  /** For dumps and logs. */
  readonly name: string;
  get(key: string): T | undefined;
  entries(): IterableIterator<[string, T]>;
  readonly size: number;
  /** True once the first complete content is there. */
  readonly synced: boolean;
  /** Tells of each batch of changed keys, after the values are in place; returns the way to stop it. */
  subscribe(listener: (changedKeys: ReadonlySet<string>) => void): () => void;
}
