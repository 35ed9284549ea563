import type { Writable } from 'node:stream';

/** So much may wait for a reader that is slow. */
const LIMIT_BYTES = 1024 * 1024;
/** On top of it, for lines that matter more when much is lost. */
const RESERVE_BYTES = 64 * 1024;

/**
 * Writes lines to a stream that somebody may or may not read. What one turn of the
 * event loop brings leaves in one write. A reader that stalls costs lines, which
 * are counted, and neither memory nor time.
 *
 * @example
 * const output = new LineWriter(process.stdout);
 * output.write('one line');
 */
export class LineWriter {
  /** Lines are written again, after so many were dropped. */
  onRecovered: ((lines: number) => void) | undefined;
  readonly #out: Writable;
  readonly #limitBytes: number;
  #batch = '';
  #bytesInFlight = 0;
  #scheduled = false;
  #broken = false;
  #dropped = 0;
  /** Of those dropped, how many `onRecovered` was told. */
  #told = 0;

  constructor(out: Writable, limitBytes: number = LIMIT_BYTES) {
    this.#out = out;
    this.#limitBytes = limitBytes;
    // The reader went away for good; without this the process would end.
    out.on('error', () => {
      this.#broken = true;
    });
  }

  /** Lines that were not written, since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  /** @param line in ASCII, without its end */
  write(line: string): void {
    this.#add(line, this.#limitBytes);
  }

  /** The same for a line that is kept when others are dropped already. */
  writeUrgent(line: string): void {
    this.#add(line, this.#limitBytes + RESERVE_BYTES);
  }

  /** Takes what another writer wrote, and counts what it has lost. */
  writeAll(lines: string, dropped: number): void {
    this.#dropped += dropped;
    for (const line of lines.split('\n')) if (line !== '') this.write(line);
  }

  /** Hands over what there is, before the process ends. */
  flush(): void {
    if (this.#batch === '' || this.#broken) return;
    const batch = this.#batch;
    this.#batch = '';
    this.#bytesInFlight += batch.length;
    this.#out.write(batch, 'latin1', () => this.#written(batch.length));
  }

  #add(line: string, limitBytes: number): void {
    const waiting = this.#batch.length + this.#bytesInFlight;
    if (this.#broken || waiting + line.length >= limitBytes) {
      this.#dropped += 1;
      return;
    }
    this.#batch += `${line}\n`;
    if (this.#scheduled || this.#bytesInFlight > 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#bytesInFlight === 0) this.flush();
    });
  }

  #written(bytes: number): void {
    this.#bytesInFlight -= bytes;
    if (this.#broken || this.#bytesInFlight > 0) return;
    const lines = this.#dropped - this.#told;
    this.#told = this.#dropped;
    if (lines > 0) this.onRecovered?.(lines);
    this.flush();
  }
}
