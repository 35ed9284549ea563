/**
 * Carries changes through a graph of collections: once per turn of the event
 * loop, in order of depth, so that a collection is computed once however many
 * of its inputs changed, and never from a mix of old and new ones.
 *
 * All collections that feed one another share one Turn.
 */
export class Turn {
  /** By depth: what has to propagate. */
  readonly #dirty: Set<() => void>[] = [];
  readonly #settled = new Set<() => void>();
  #scheduled: NodeJS.Immediate | undefined;
  #running = false;

  /** Runs `propagate` in the coming flush, after everything of a smaller depth. */
  schedule(depth: number, propagate: () => void): void {
    let atDepth = this.#dirty[depth];
    if (atDepth === undefined) {
      atDepth = new Set();
      this.#dirty[depth] = atDepth;
    }
    atDepth.add(propagate);
    if (!this.#running) this.#scheduled ??= setImmediate(() => this.flush());
  }

  /** Calls `listener` at the end of every flush; returns the way to stop it. */
  onSettled(listener: () => void): () => void {
    this.#settled.add(listener);
    return () => this.#settled.delete(listener);
  }

  /** Propagates now instead of at the end of the turn. For tests and shutdown. */
  flush(): void {
    if (this.#running) return;
    clearImmediate(this.#scheduled);
    this.#scheduled = undefined;
    this.#running = true;
    try {
      // The array grows while it is walked: deeper collections join in.
      for (let depth = 0; depth < this.#dirty.length; depth += 1) {
        const atDepth = this.#dirty[depth];
        if (atDepth === undefined) continue;
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
