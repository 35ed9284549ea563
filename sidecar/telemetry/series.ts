/** The levels of the index: one `Map` for each part of a key, a number at the leaves. */
interface Branch {
  readonly next: Map<string, Branch | number>;
}

/**
 * A table of counters: one row for each combination of labels, its numbers side
 * by side in one array. A row is found by walking a `Map` for each label, which
 * allocates nothing; the labels themselves are kept once, for whoever reads.
 */
export class Series<Labels> {
  readonly columns: number;
  readonly #maxSeries: number;
  readonly #labels: Labels[] = [];
  readonly #root: Branch = { next: new Map() };
  #values: Float64Array;
  /** What was found last: as a rule the next one is the same. */
  #lastKey: string[] = [];
  #lastBase = -1;

  constructor(columns: number, maxSeries: number) {
    this.columns = columns;
    this.#maxSeries = maxSeries;
    this.#values = new Float64Array(columns * 8);
  }

  /** Labels by row number. */
  get labels(): readonly Labels[] {
    return this.#labels;
  }

  /** Row r begins at `r * columns`. The array is another one after the table grew. */
  get values(): Float64Array {
    return this.#values;
  }

  /** The numbers of all rows as they are now, side by side. */
  snapshot(): Float64Array<ArrayBuffer> {
    return this.#values.slice(0, this.size * this.columns);
  }

  get size(): number {
    return this.#labels.length;
  }

  get full(): boolean {
    return this.#labels.length >= this.#maxSeries;
  }

  /** The first column of the row with this key; -1 when there is none. */
  find(key: readonly string[]): number {
    if (this.#isLast(key)) return this.#lastBase;
    const base = this.#search(key);
    if (base >= 0) {
      this.#lastKey = [...key];
      this.#lastBase = base;
    }
    return base;
  }

  #isLast(key: readonly string[]): boolean {
    const last = this.#lastKey;
    if (last.length !== key.length) return false;
    for (let i = 0; i < key.length; i++) if (key[i] !== last[i]) return false;
    return true;
  }

  #search(key: readonly string[]): number {
    let branch: Branch = this.#root;
    for (let i = 0; i < key.length; i++) {
      const found = branch.next.get(key[i] ?? '');
      if (found === undefined) return -1;
      if (typeof found === 'number') return found;
      branch = found;
    }
    return -1;
  }

  /** Adds a row, also past the limit: asking `full` first is the caller's part. */
  create(key: readonly string[], labels: Labels): number {
    const base = this.#labels.length * this.columns;
    this.#labels.push(labels);
    if (base + this.columns > this.#values.length) {
      const grown = new Float64Array(this.#values.length * 2);
      grown.set(this.#values);
      this.#values = grown;
    }
    let branch = this.#root;
    key.forEach((part, i) => {
      if (i === key.length - 1) {
        branch.next.set(part, base);
        return;
      }
      let next = branch.next.get(part);
      if (next === undefined || typeof next === 'number') {
        next = { next: new Map() };
        branch.next.set(part, next);
      }
      branch = next;
    });
    return base;
  }

  add(base: number, column: number, amount: number): void {
    const values = this.#values;
    values[base + column] = (values[base + column] ?? 0) + amount;
  }

  at(row: number, column: number): number {
    return this.#values[row * this.columns + column] ?? 0;
  }
}
