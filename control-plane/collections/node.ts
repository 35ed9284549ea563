import type { Collection } from './collection.ts';
import type { Turn } from './turn.ts';

type Listener = (changedKeys: ReadonlySet<string>) => void;

/**
 * What all collections of a graph have in common: values by key, the batch of
 * changed keys that has not been told yet, and the depth at which it is told.
 */
export abstract class CollectionNode<T> implements Collection<T> {
  readonly name: string;
  readonly turn: Turn;
  /** 0 for sources, one more than the deepest input for derivations. */
  readonly depth: number;
  readonly #listeners = new Set<Listener>();
  #changed = new Set<string>();

  constructor(name: string, turn: Turn, depth: number) {
    this.name = name;
    this.turn = turn;
    this.depth = depth;
  }

  abstract get(key: string): T | undefined;
  abstract entries(): IterableIterator<[string, T]>;
  abstract get size(): number;
  abstract get synced(): boolean;

  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Notes a change, to be told in this or the coming flush. */
  protected changed(key: string): void {
    this.#changed.add(key);
    this.turn.schedule(this.depth, this.#tell);
  }

  /** Wakes the listeners without a changed key: being synced is news too. */
  protected wake(): void {
    this.turn.schedule(this.depth, this.#tell);
  }

  readonly #tell = (): void => {
    const changed = this.#changed;
    this.#changed = new Set();
    for (const listener of this.#listeners) listener(changed);
  };
}

/** The node behind a collection. Collections of other makes cannot feed a derivation. */
export function nodeOf<T>(collection: Collection<T>): CollectionNode<T> {
  if (collection instanceof CollectionNode) return collection;
  throw new TypeError(`${collection.name} is not part of a graph of collections`);
}
