import { isDeepStrictEqual } from 'node:util';
import type { Collection } from './collection.ts';
import { CollectionNode, nodeOf } from './node.ts';

/** Reads another collection on behalf of a key, and remembers that the key depends on what it read. */
export type Fetch = <V>(collection: Collection<V>, key: string) => V | undefined;

/**
 * A pure function of the value, and of what it fetches. `undefined` leaves the
 * key out (or, with `keepLast`, on its last value).
 */
export type Compute<In, Out> = (value: In, key: string, fetch: Fetch) => Out | undefined;

export interface DeriveOptions {
  /** The collections that `fetch` may read. */
  readonly uses?: readonly Collection<unknown>[];
  /** When the function has no answer, the last one stays for as long as the key exists. */
  readonly keepLast?: boolean;
}

/**
 * A collection with the keys of another, each value computed from the other's.
 *
 * A key is computed again when its own value, or one that it fetched, changed;
 * a result that is deeply equal to the last is not told. Nothing is computed
 * before all inputs have been read completely.
 *
 * @example
 * const ages = derive('ages', people, (person) => person.age);
 */
export function derive<In, Out>(
  name: string,
  input: Collection<In>,
  compute: Compute<In, Out>,
  options: DeriveOptions = {},
): Collection<Out> {
  return new Derived(name, input, compute, options);
}

class Derived<In, Out> extends CollectionNode<Out> {
  readonly #input: CollectionNode<In>;
  readonly #compute: Compute<In, Out>;
  readonly #keepLast: boolean;
  readonly #uses: ReadonlyMap<Collection<unknown>, Dependents>;
  readonly #values = new Map<string, Out>();
  readonly #pending = new Set<string>();
  #synced = false;

  constructor(
    name: string,
    input: Collection<In>,
    compute: Compute<In, Out>,
    options: DeriveOptions,
  ) {
    const inputNode = nodeOf(input);
    const uses = (options.uses ?? []).map(nodeOf);
    const depth = 1 + Math.max(inputNode.depth, ...uses.map((used) => used.depth));
    super(name, inputNode.turn, depth);
    this.#input = inputNode;
    this.#compute = compute;
    this.#keepLast = options.keepLast ?? false;
    this.#uses = new Map(uses.map((used) => [used, new Dependents()]));

    for (const [key] of input.entries()) this.#pending.add(key);
    input.subscribe((changedKeys) => this.#mark(changedKeys));
    for (const [used, dependents] of this.#uses) {
      used.subscribe((changedKeys) => {
        for (const key of changedKeys) this.#mark(dependents.of(key));
        if (changedKeys.size === 0) this.#mark(changedKeys);
      });
    }
    this.turn.schedule(this.depth, this.#run);
  }

  get(key: string): Out | undefined {
    return this.#values.get(key);
  }

  entries(): IterableIterator<[string, Out]> {
    return this.#values.entries();
  }

  get size(): number {
    return this.#values.size;
  }

  get synced(): boolean {
    return this.#synced;
  }

  #mark(keys: Iterable<string>): void {
    for (const key of keys) this.#pending.add(key);
    this.turn.schedule(this.depth, this.#run);
  }

  readonly #run = (): void => {
    if (!this.#input.synced) return;
    for (const used of this.#uses.keys()) if (!used.synced) return;
    for (const key of this.#pending) this.#update(key);
    this.#pending.clear();
    if (!this.#synced) {
      this.#synced = true;
      this.wake();
    }
  };

  #update(key: string): void {
    for (const dependents of this.#uses.values()) dependents.forget(key);
    const value = this.#input.get(key);
    if (value === undefined) {
      if (this.#values.delete(key)) this.changed(key);
      return;
    }
    const fetch: Fetch = (collection, fetchedKey) => {
      const dependents = this.#uses.get(collection);
      if (dependents === undefined) {
        throw new TypeError(`${this.name} fetches from ${collection.name}, which it does not use`);
      }
      dependents.add(fetchedKey, key);
      return collection.get(fetchedKey);
    };
    let result: Out | undefined;
    try {
      result = this.#compute(value, key, fetch);
    } catch (error) {
      this.turn.reportError(this.name, key, error);
      return;
    }
    const last = this.#values.get(key);
    if (result === undefined) {
      if (this.#keepLast || last === undefined) return;
      this.#values.delete(key);
      this.changed(key);
    } else if (last === undefined || !isDeepStrictEqual(last, result)) {
      this.#values.set(key, result);
      this.changed(key);
    }
  }
}

/** For one collection: which of our keys read which of its keys. */
class Dependents {
  readonly #byFetched = new Map<string, Set<string>>();
  readonly #fetchedBy = new Map<string, Set<string>>();

  of(fetchedKey: string): Iterable<string> {
    return this.#byFetched.get(fetchedKey) ?? [];
  }

  add(fetchedKey: string, key: string): void {
    insert(this.#byFetched, fetchedKey, key);
    insert(this.#fetchedBy, key, fetchedKey);
  }

  forget(key: string): void {
    for (const fetchedKey of this.#fetchedBy.get(key) ?? []) {
      const keys = this.#byFetched.get(fetchedKey);
      keys?.delete(key);
      if (keys?.size === 0) this.#byFetched.delete(fetchedKey);
    }
    this.#fetchedBy.delete(key);
  }
}

function insert(map: Map<string, Set<string>>, key: string, value: string): void {
  const present = map.get(key);
  if (present === undefined) map.set(key, new Set([value]));
  else present.add(value);
}
