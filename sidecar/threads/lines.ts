import { Writable } from 'node:stream';

/**
 * What a thread writes on its way to the main thread, whose standard output it is.
 * One batch at a time travels, so that a main thread with much to do is no place
 * where lines pile up.
 */
export class LinesToMain extends Writable {
  readonly #tell: (lines: string) => void;
  #onTaken: (() => void) | undefined;

  constructor(tell: (lines: string) => void) {
    super({ decodeStrings: false });
    this.#tell = tell;
  }

  override _write(lines: string, _encoding: BufferEncoding, done: () => void): void {
    this.#onTaken = done;
    this.#tell(lines);
  }

  /** The main thread has the last batch. */
  taken(): void {
    const done = this.#onTaken;
    this.#onTaken = undefined;
    done?.();
  }
}
