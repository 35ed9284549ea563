/** The sending side of a stream, as grpc-js offers it. */
export interface MessageSink<T> {
  write(message: T): boolean;
  on(event: 'drain', listener: () => void): unknown;
}

/**
 * Sends messages of which a newer one makes the older worthless. While the
 * receiver does not read, the latest of each key waits, so a slow receiver costs
 * as many messages as there are keys, however long it sleeps.
 */
export class Outbox<T> {
  readonly #sink: MessageSink<T>;
  readonly #waiting = new Map<string, T>();
  #blocked = false;

  constructor(sink: MessageSink<T>) {
    this.#sink = sink;
    sink.on('drain', () => this.#flush());
  }

  send(key: string, message: T): void {
    if (this.#blocked) {
      this.#waiting.delete(key);
      this.#waiting.set(key, message);
    } else {
      this.#blocked = !this.#sink.write(message);
    }
  }

  /** True while the receiver does not keep up. */
  get blocked(): boolean {
    return this.#blocked;
  }

  /** How many messages wait for the receiver. */
  get waiting(): number {
    return this.#waiting.size;
  }

  #flush(): void {
    this.#blocked = false;
    for (const [key, message] of this.#waiting) {
      this.#waiting.delete(key);
      this.#blocked = !this.#sink.write(message);
      if (this.#blocked) return;
    }
  }
}
