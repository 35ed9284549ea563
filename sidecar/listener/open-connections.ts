/** A connection that a listener has accepted. */
export interface OpenConnection {
  /** Since when nothing was asked on it; undefined while something is, or when nobody knows. */
  readonly idleSinceMs: number | undefined;
  /** Finishes what is under way, and starts nothing new. */
  drain(): void;
  destroy(): void;
}

/** So large a part of all is found at a time that can give way. */
const FOUND_PART = 0.02;

/** The connections of one listener, so that it can end them in order. */
export class OpenConnections {
  readonly #open = new Set<OpenConnection>();
  /** Can give way to others, the idlest last. */
  #idlest: { readonly connection: OpenConnection; readonly sinceMs: number }[] = [];
  /** That many times it would be in vain to look for them again. */
  #vain = 0;
  #onEmpty: (() => void) | undefined;

  get size(): number {
    return this.#open.size;
  }

  add(connection: OpenConnection): void {
    this.#open.add(connection);
  }

  /**
   * Ends the connection on which nothing was asked for longest, so that a new one has its
   * place. Whoever only holds connections is soon the idlest; who uses them is not.
   * Nobody has to keep an order for it: all are looked at when it is needed, for some at
   * a time.
   *
   * @returns false when something is under way on all of them
   */
  makeRoom(): boolean {
    for (;;) {
      const candidate = this.#idlest.pop();
      if (candidate === undefined) {
        if (!this.#findIdlest()) return false;
        continue;
      }
      const { connection, sinceMs } = candidate;
      // It may have been used, or have ended, in the meantime.
      if (connection.idleSinceMs !== sinceMs || !this.#open.delete(connection)) continue;
      connection.destroy();
      return true;
    }
  }

  remove(connection: OpenConnection): void {
    this.#open.delete(connection);
    if (this.#open.size === 0) this.#onEmpty?.();
  }

  /** Returns when all have ended; those that have not when the signal aborts are cut. */
  async drain(signal: AbortSignal): Promise<void> {
    for (const connection of [...this.#open]) connection.drain();
    if (this.#open.size === 0) return;
    const cut = (): void => {
      for (const connection of [...this.#open]) connection.destroy();
    };
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    if (signal.aborted) cut();
    else signal.addEventListener('abort', cut, { once: true });
    await empty;
    signal.removeEventListener('abort', cut);
  }

  #findIdlest(): boolean {
    if (this.#vain > 0) {
      this.#vain -= 1;
      return false;
    }
    const count = Math.ceil(this.#open.size * FOUND_PART);
    const idle: { connection: OpenConnection; sinceMs: number }[] = [];
    for (const connection of this.#open) {
      const sinceMs = connection.idleSinceMs;
      if (sinceMs !== undefined) idle.push({ connection, sinceMs });
    }
    idle.sort((a, b) => a.sinceMs - b.sinceMs);
    this.#idlest = idle.slice(0, count).reverse();
    if (idle.length === 0) this.#vain = count;
    return idle.length > 0;
  }
}
