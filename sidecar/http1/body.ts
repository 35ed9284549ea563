import { type BodySink, ChunkedReader } from './chunked.ts';
import type { Framing } from './framing.ts';

/** Finds the end of a body in the bytes of a connection. */
export class BodyReader {
  readonly #framing: Framing;
  readonly #chunked: ChunkedReader | undefined;
  #remaining: number;
  #done = false;

  constructor(framing: Framing) {
    this.#framing = framing;
    this.#chunked = framing.kind === 'chunked' ? new ChunkedReader() : undefined;
    this.#remaining = framing.kind === 'length' ? framing.bytes : 0;
  }

  get done(): boolean {
    return this.#chunked === undefined ? this.#done : this.#chunked.done;
  }

  /** How many bytes may still come, when that is known. */
  get remainingBytes(): number | undefined {
    return this.#framing.kind === 'length' ? this.#remaining : undefined;
  }

  /**
   * Passes on what belongs to the body and gives the index after it. To be called
   * once even with no bytes, so that an empty body ends. Error codes: `bad-chunk`,
   * and those of a head for trailers.
   */
  read(bytes: Buffer, from: number, sink: BodySink): number {
    if (this.#chunked !== undefined) return this.#chunked.read(bytes, from, sink);
    if (this.#framing.kind === 'close') {
      if (from < bytes.length) sink.onBody(bytes.subarray(from));
      return bytes.length;
    }
    const end = Math.min(bytes.length, from + this.#remaining);
    this.#remaining -= end - from;
    if (this.#remaining === 0) this.#done = true;
    if (end > from) sink.onBody(bytes.subarray(from, end));
    if (this.#remaining === 0) sink.onBodyEnd(undefined);
    return end;
  }

  /** The connection has ended. False: before the end of the body. */
  finish(sink: BodySink): boolean {
    if (this.done) return true;
    if (this.#framing.kind !== 'close') return false;
    this.#done = true;
    sink.onBodyEnd(undefined);
    return true;
  }
}
