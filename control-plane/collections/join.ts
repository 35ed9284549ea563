import type { Collection } from './collection.ts';
import { CollectionNode, nodeOf } from './node.ts';

/** The entries of several collections as one; where two have the same key, the earlier collection wins. */
export function join<T>(
  name: string,
  inputs: readonly [Collection<T>, ...Collection<T>[]],
): Collection<T> {
  return new Join(name, inputs);
}

class Join<T> extends CollectionNode<T> {
  readonly #inputs: readonly CollectionNode<T>[];
  readonly #keys = new Set<string>();
  readonly #pending = new Set<string>();
  #synced = false;

  constructor(name: string, inputs: readonly [Collection<T>, ...Collection<T>[]]) {
    const nodes = inputs.map(nodeOf);
    super(name, nodeOf(inputs[0]).turn, 1 + Math.max(...nodes.map((node) => node.depth)));
    this.#inputs = nodes;
    for (const input of nodes) {
      for (const [key] of input.entries()) this.#pending.add(key);
      input.subscribe((changedKeys) => {
        for (const key of changedKeys) this.#pending.add(key);
        this.turn.schedule(this.depth, this.#run);
      });
    }
    this.turn.schedule(this.depth, this.#run);
  }

  get(key: string): T | undefined {
    for (const input of this.#inputs) {
      const value = input.get(key);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  *entries(): IterableIterator<[string, T]> {
    for (const key of this.#keys) {
      const value = this.get(key);
      if (value !== undefined) yield [key, value];
    }
  }

  get size(): number {
    return this.#keys.size;
  }

  get synced(): boolean {
    return this.#synced;
  }

  readonly #run = (): void => {
    for (const key of this.#pending) {
      if (this.get(key) === undefined) this.#keys.delete(key);
      else this.#keys.add(key);
      this.changed(key);
    }
    this.#pending.clear();
    if (!this.#synced && this.#inputs.every((input) => input.synced)) {
      this.#synced = true;
      this.wake();
    }
  };
}
