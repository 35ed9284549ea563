const NEWLINE = 0x0a;

/**
 * Cuts a watch's body into its lines, on bytes, so that a character split over
 * two chunks stays whole and no event is scanned twice.
 */
export class LineSplitter {
  readonly #maxBytes: number;
  #rest: Buffer[] = [];
  #restBytes = 0;

  /** A line longer than this is an error: no object in etcd is. */
  constructor(maxBytes = 16 * 1024 * 1024) {
    this.#maxBytes = maxBytes;
  }

  /** Calls `onLine` for each line that the chunk completes. */
  push(chunk: Buffer, onLine: (line: string) => void): void {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start);
      if (end === -1) break;
      const piece = chunk.subarray(start, end);
      start = end + 1;
      if (this.#rest.length === 0) {
        if (piece.length > 0) onLine(piece.toString('utf8'));
      } else {
        this.#rest.push(piece);
        const line = Buffer.concat(this.#rest).toString('utf8');
        this.#rest = [];
        this.#restBytes = 0;
        onLine(line);
      }
    }
    if (start < chunk.length) {
      this.#rest.push(chunk.subarray(start));
      this.#restBytes += chunk.length - start;
      if (this.#restBytes > this.#maxBytes) {
        throw new RangeError(`a watch event is longer than ${this.#maxBytes} bytes`);
      }
    }
  }
}
