/** The levels of the index: one `Map` for each part of a key, a number at the leaves. */
interface Branch {
  readonly next: Map<string, Branch | number>;
}

/** The numbers of a table as somebody read them last, row by row as in the table. */
export interface Reading {
  values: Float64Array;
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
  readonly #readings: Reading[] = [];
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

  /** One that goes on to fit the table when rows are dropped. It lasts as long as the table. */
  reading(): Reading {
    const reading = { values: new Float64Array(0) };
    this.#readings.push(reading);
    return reading;
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

  /** Drops the other rows. Those that stay move up, in the same order. */
  retain(keeps: (row: number) => boolean): void {
    const { columns, size } = this;
    const moved = new Map<number, number>();
    for (let row = 0; row < size; row++) if (keeps(row)) moved.set(row, moved.size);
    if (moved.size === size) return;
    const kept = (values: Float64Array): Float64Array => {
      const rows = [...moved.keys()].filter((row) => row * columns < values.length);
      const left = new Float64Array(rows.length * columns);
      rows.forEach((row, i) => {
        left.set(values.subarray(row * columns, (row + 1) * columns), i * columns);
      });
      return left;
    };
    for (const reading of this.#readings) reading.values = kept(reading.values);
    const left = kept(this.snapshot());
    this.#values.fill(0).set(left);
    const labels = this.#labels.filter((_, row) => moved.has(row));
    this.#labels.splice(0, size, ...labels);
    moveRows(this.#root, (base) => {
      const row = moved.get(base / columns);
      return row === undefined ? undefined : row * columns;
    });
    this.#lastKey = [];
    this.#lastBase = -1;
  }

  add(base: number, column: number, amount: number): void {
    const values = this.#values;
    values[base + column] = (values[base + column] ?? 0) + amount;
  }

  at(row: number, column: number): number {
    return this.#values[row * this.columns + column] ?? 0;
  }
}

/** @param placeOf undefined where the row is gone */
function moveRows({ next }: Branch, placeOf: (base: number) => number | undefined): void {
  for (const [part, below] of next) {
    if (typeof below === 'number') {
      const place = placeOf(below);
      if (place === undefined) next.delete(part);
      else next.set(part, place);
      continue;
    }
    moveRows(below, placeOf);
    if (below.next.size === 0) next.delete(part);
  }
}
