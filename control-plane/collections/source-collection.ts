import { isDeepStrictEqual } from 'node:util';
import { CollectionNode } from './node.ts';
import type { Turn } from './turn.ts';

/** A collection that something outside fills: a watch, a folder, a test. */
export class SourceCollection<T> extends CollectionNode<T> {
  readonly #values = new Map<string, T>();
  #synced = false;

  constructor(name: string, turn: Turn) {
    super(name, turn, 0);
  }

  get(key: string): T | undefined {
    return this.#values.get(key);
  }

  entries(): IterableIterator<[string, T]> {
    return this.#values.entries();
  }

  get size(): number {
    return this.#values.size;
  }

  get synced(): boolean {
    return this.#synced;
  }

  /** Puts a value in place; one that is deeply equal to the present one changes nothing. */
  set(key: string, value: T): void {
    const present = this.#values.get(key);
    if (present !== undefined && isDeepStrictEqual(present, value)) return;
    this.#values.set(key, value);
    this.changed(key);
  }

  delete(key: string): void {
    if (this.#values.delete(key)) this.changed(key);
  }

  /** Says that the first complete content is there. */
  markSynced(): void {
    if (this.#synced) return;
    this.#synced = true;
    this.wake();
  }
}
