import type { Stream } from './stream.ts';

/**
 * The streams that have data and window, in the order in which they take their turns.
 * A stream that took its turn goes to the end, so that none waits for a large one.
 */
export class ReadyRing {
  #first: Stream | undefined;
  #last: Stream | undefined;

  get empty(): boolean {
    return this.#first === undefined;
  }

  has(stream: Stream): boolean {
    return stream.previousReady !== undefined || this.#first === stream;
  }

  add(stream: Stream): void {
    if (this.has(stream)) return;
    stream.previousReady = this.#last;
    if (this.#last === undefined) this.#first = stream;
    else this.#last.nextReady = stream;
    this.#last = stream;
  }

  /** The next in turn leaves the ring. */
  take(): Stream | undefined {
    const stream = this.#first;
    if (stream !== undefined) this.remove(stream);
    return stream;
  }

  remove(stream: Stream): void {
    if (!this.has(stream)) return;
    const { previousReady, nextReady } = stream;
    if (previousReady === undefined) this.#first = nextReady;
    else previousReady.nextReady = nextReady;
    if (nextReady === undefined) this.#last = previousReady;
    else nextReady.previousReady = previousReady;
    stream.previousReady = undefined;
    stream.nextReady = undefined;
  }
}
