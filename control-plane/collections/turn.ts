/** Told of a computation that threw; the collection keeps its last value for the key. */
export type ComputeErrorListener = (collection: string, key: string, error: unknown) => void;

/**
 * Carries changes through a graph of collections: once per turn of the event
 * loop, in order of depth, so that a collection is computed once however many
 * of its inputs changed, and never from a mix of old and new ones.
 *
 * All collections that feed one another share one Turn.
 */
export class Turn {
  readonly reportError: ComputeErrorListener;
  /** By depth: what has to propagate. */
  readonly #dirty: Set<() => void>[] = [];
  readonly #settled = new Set<() => void>();
  #scheduled: NodeJS.Immediate | undefined;
  #running = false;

  constructor(
    reportError: ComputeErrorListener = (_collection, _key, error) => {
      throw error;
    },
  ) {
    this.reportError = reportError;
  }

  /** Runs `propagate` in the coming flush, after everything of a smaller depth. */
  schedule(depth: number, propagate: () => void): void {
    while (this.#dirty.length <= depth) this.#dirty.push(new Set());
    this.#dirty[depth]?.add(propagate);
    if (!this.#running) this.#scheduled ??= setImmediate(() => this.flush());
  }

  /** Calls `listener` at the end of every flush; returns the way to stop it. */
  onSettled(listener: () => void): () => void {
    this.#settled.add(listener);
    return () => this.#settled.delete(listener);
  }

  /** Propagates now instead of at the end of the turn. */
  flush(): void {
    if (this.#running) return;
    clearImmediate(this.#scheduled);
    this.#scheduled = undefined;
    this.#running = true;
    try {
      // The array grows while it is walked: deeper collections join in.
      for (let depth = 0; depth < this.#dirty.length; depth += 1) {
        const atDepth = this.#dirty[depth] ?? new Set();
        // A set yields what is added while it is walked.
        for (const propagate of atDepth) {
          atDepth.delete(propagate);
          propagate();
        }
      }
    } finally {
      this.#running = false;
    }
    for (const listener of this.#settled) listener();
  }
}
