/** Picks one of several by weight. */
export class Split<T> {
  readonly #items: readonly T[];
  /** The sum of the weights up to and with each item. */
  readonly #bounds: readonly number[];
  readonly #total: number;

  constructor(entries: readonly { readonly item: T; readonly weight: number }[]) {
    const bounds: number[] = [];
    let total = 0;
    for (const entry of entries) {
      total += entry.weight;
      bounds.push(total);
    }
    this.#items = entries.map((entry) => entry.item);
    this.#bounds = bounds;
    this.#total = total;
  }

  /** All items with their weights. */
  get entries(): readonly { readonly item: T; readonly weight: number }[] {
    return this.#items.map((item, i) => ({
      item,
      weight: (this.#bounds[i] ?? 0) - (this.#bounds[i - 1] ?? 0),
    }));
  }

  /**
   * Undefined when no item has any weight.
   *
   * @param random from 0 up to, not including, 1
   */
  pick(random: number): T | undefined {
    if (this.#total === 0) return undefined;
    const at = random * this.#total;
    for (let i = 0; i < this.#items.length; i++) {
      if (at < (this.#bounds[i] ?? 0)) return this.#items[i];
    }
    return undefined;
  }
}
