import type { Collection } from './collection.ts';
import { CollectionNode, nodeOf } from './node.ts';

/**
 * The values of a collection under other keys: `keysOf` names the entries that
 * a value belongs to, and each entry holds its values in order of their own
 * keys. Being a collection itself, an index can be fetched from.
 *
 * @example
 * const byCity = index('by-city', people, (person) => person.cities);
 * byCity.get('Ulm'); // all who live there, or undefined
 */
export function index<T>(
  name: string,
  input: Collection<T>,
  keysOf: (value: T, key: string) => Iterable<string>,
): Collection<readonly T[]> {
  return new Index(name, input, keysOf);
}

class Index<T> extends CollectionNode<readonly T[]> {
  readonly #input: CollectionNode<T>;
  readonly #keysOf: (value: T, key: string) => Iterable<string>;
  /** By the index's key: the keys of the values there. */
  readonly #members = new Map<string, Set<string>>();
  /** By the value's key: where it is. */
  readonly #places = new Map<string, readonly string[]>();
  /** Entries as they were asked for; dropped when they change. */
  readonly #arrays = new Map<string, readonly T[]>();
  readonly #pending = new Set<string>();
  #synced = false;

  constructor(
    name: string,
    input: Collection<T>,
    keysOf: (value: T, key: string) => Iterable<string>,
  ) {
    const node = nodeOf(input);
    super(name, node.turn, node.depth + 1);
    this.#input = node;
    this.#keysOf = keysOf;
    for (const [key] of input.entries()) this.#pending.add(key);
    input.subscribe((changedKeys) => {
      for (const key of changedKeys) this.#pending.add(key);
      this.turn.schedule(this.depth, this.#run);
    });
    this.turn.schedule(this.depth, this.#run);
  }

  get(key: string): readonly T[] | undefined {
    const present = this.#arrays.get(key);
    if (present !== undefined) return present;
    const members = this.#members.get(key);
    if (members === undefined) return undefined;
    const values = [...members].sort().flatMap((member) => {
      const value = this.#input.get(member);
      return value === undefined ? [] : [value];
    });
    this.#arrays.set(key, values);
    return values;
  }

  *entries(): IterableIterator<[string, readonly T[]]> {
    for (const key of this.#members.keys()) yield [key, this.get(key) ?? []];
  }

  get size(): number {
    return this.#members.size;
  }

  get synced(): boolean {
    return this.#synced;
  }

  readonly #run = (): void => {
    for (const key of this.#pending) this.#update(key);
    this.#pending.clear();
    if (!this.#synced && this.#input.synced) {
      this.#synced = true;
      this.wake();
    }
  };

  #update(key: string): void {
    for (const place of this.#places.get(key) ?? []) {
      const members = this.#members.get(place);
      members?.delete(key);
      if (members?.size === 0) this.#members.delete(place);
      this.#touch(place);
    }
    this.#places.delete(key);
    const value = this.#input.get(key);
    if (value === undefined) return;
    let places: readonly string[];
    try {
      places = [...new Set(this.#keysOf(value, key))];
    } catch (error) {
      this.turn.reportError(this.name, key, error);
      return;
    }
    for (const place of places) {
      const members = this.#members.get(place);
      if (members === undefined) this.#members.set(place, new Set([key]));
      else members.add(key);
      this.#touch(place);
    }
    this.#places.set(key, places);
  }

  #touch(place: string): void {
    this.#arrays.delete(place);
    this.changed(place);
  }
}
