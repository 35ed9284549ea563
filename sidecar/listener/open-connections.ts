/** A connection that a listener has accepted. */
export interface OpenConnection {
  /** Finishes what is under way, and starts nothing new. */
  drain(): void;
  destroy(): void;
}

/** The connections of one listener, so that it can end them in order. */
export class OpenConnections {
  readonly #open = new Set<OpenConnection>();
  #onEmpty: (() => void) | undefined;

  get size(): number {
    return this.#open.size;
  }

  add(connection: OpenConnection): void {
    this.#open.add(connection);
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
}
