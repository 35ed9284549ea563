import { gather } from './gather.ts';
import { ReceivingTransport } from './receiving-transport.ts';
import type { Flushable } from './turn.ts';

/** Written and not sent, before writers are asked to wait. */
const WRITE_LIMIT_BYTES = 64 * 1024;

/**
 * What transports have in common when they send: the writes of one turn of the event
 * loop leave together, because what costs a proxy is the number of writes.
 */
export abstract class BatchingTransport extends ReceivingTransport implements Flushable {
  /** Written in this turn. */
  #written: Buffer[] = [];
  #writtenBytes = 0;
  /** A writer was asked to wait. */
  #needsDrain = false;
  /** We were asked to wait. */
  #congested = false;
  #ended = false;

  /** Asks for `flush` at the end of the turn. */
  protected abstract schedule(): void;
  /** False asks to wait for `drained`; the bytes are taken nonetheless. */
  protected abstract send(pieces: readonly Buffer[], last: boolean): boolean;
  protected abstract sendEnd(): void;

  protected get endSent(): boolean {
    return this.#ended;
  }

  /** Of this turn, not sent yet. */
  protected get writtenBytes(): number {
    return this.#writtenBytes;
  }

  write(bytes: Buffer): boolean {
    this.bytesWritten += bytes.length;
    if (this.#written.length === 0) this.schedule();
    this.#written.push(bytes);
    this.#writtenBytes += bytes.length;
    if (!this.#congested && this.#writtenBytes < WRITE_LIMIT_BYTES) return true;
    this.#needsDrain = true;
    return false;
  }

  end(): void {
    if (this.#ended || this.closed) return;
    this.#ended = true;
    if (this.#written.length === 0) this.sendEnd();
  }

  /** Sends what was written in this turn; happens by itself. */
  flush(): void {
    const pieces = this.#written;
    if (pieces.length === 0) return;
    const bytes = this.#writtenBytes;
    this.#written = [];
    this.#writtenBytes = 0;
    const single = pieces.length === 1 ? undefined : gather(pieces, bytes);
    const more = this.send(single === undefined ? pieces : [single], this.#ended);
    if (!more) this.#congested = true;
    else if (this.#needsDrain && !this.#congested) this.drained();
  }

  /** What was written and not sent is dropped. */
  protected override stop(): void {
    super.stop();
    this.#written = [];
    this.#writtenBytes = 0;
  }

  /**
   * Before a reset. What was written in this turn goes ahead of it, so that the peer
   * learns of a message that broke off, and not of one that never began.
   */
  protected stopAfterFlush(): void {
    super.stop();
    this.flush();
  }

  /** More can be sent. */
  protected drained(): void {
    this.#congested = false;
    if (!this.#needsDrain) return;
    this.#needsDrain = false;
    this.writable();
  }
}
