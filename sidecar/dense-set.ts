/** Keeps its place in a {@link DenseSet} itself. */
export interface DenseItem {
  /** Where it stands; -1 while it is in none. For the set alone. */
  place: number;
}

/**
 * A set for what comes and goes with every request, in no order.
 *
 * A `Set` of JavaScript replaces its table again and again as items come and go, and
 * each table that was left behind keeps the items of its time, and the table after it,
 * alive until all of the heap is collected: half of all requests outlived their
 * collection, and collections took a fifth of the time.
 */
export class DenseSet<T extends DenseItem> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** To be called once for an item. */
  add(item: T): void {
    item.place = this.#items.length;
    this.#items.push(item);
  }

  delete(item: T): void {
    const { place } = item;
    if (place < 0) return;
    const last = this.#items.pop() as T;
    if (last !== item) {
      this.#items[place] = last;
      last.place = place;
    }
    item.place = -1;
  }

  /** Those in it now; it may change while they are walked through. */
  all(): T[] {
    return [...this.#items];
  }
}
