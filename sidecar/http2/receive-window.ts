import { flowControlError } from './error-code.ts';
import { DEFAULT_WINDOW_BYTES } from './frame.ts';
import type { Sender } from './sender.ts';
import type { LocalSettings } from './settings.ts';
import type { Stream } from './stream.ts';
import type { StreamTable } from './stream-table.ts';

/**
 * What the peer may send (RFC 9113 §5.2). A stream gets credit for what has moved on,
 * the connection for what has arrived: so a stream that nobody reads stalls itself
 * alone. Only when much is held for such streams does the connection wait too.
 */
export class ReceiveWindow {
  readonly #settings: LocalSettings;
  readonly #streams: StreamTable;
  readonly #sender: Sender;
  /** What a new stream gets. A smaller one than the default holds once the peer acknowledged it. */
  streamBytes: number;
  #window: number = DEFAULT_WINDOW_BYTES;
  #uncreditedBytes = 0;
  /** Handed on, and not yet moved on, on all streams. */
  #heldBytes = 0;

  constructor(settings: LocalSettings, streams: StreamTable, sender: Sender) {
    this.#settings = settings;
    this.#streams = streams;
    this.#sender = sender;
    this.streamBytes = Math.max(settings.streamWindowBytes, DEFAULT_WINDOW_BYTES);
  }

  /** Widens the connection's window from its default. */
  open(): void {
    const increment = this.#settings.connectionWindowBytes - DEFAULT_WINDOW_BYTES;
    if (increment <= 0) return;
    this.#window += increment;
    this.#sender.windowUpdate(0, increment);
  }

  /** The peer has acknowledged our settings. */
  enforceStreamWindow(): void {
    const decrement = this.streamBytes - this.#settings.streamWindowBytes;
    if (decrement === 0) return;
    this.streamBytes -= decrement;
    for (const stream of this.#streams.all()) stream.receiveWindow -= decrement;
  }

  /**
   * Data of any stream came, also of one that is over.
   *
   * @throws ConnectionError when it goes beyond the connection's window
   */
  onArrival(frameBytes: number): void {
    if (frameBytes > this.#window) throw flowControlError('data beyond the connection window');
    this.#window -= frameBytes;
    this.#uncreditedBytes += frameBytes;
    this.#creditConnection();
  }

  /** The bytes are the owner's now. */
  onHandedOn(stream: Stream, bytes: number): void {
    stream.heldBytes += bytes;
    this.#heldBytes += bytes;
  }

  /** The owner says that bytes have moved on. */
  onConsumed(stream: Stream, bytes: number): void {
    const count = Math.min(bytes, stream.heldBytes);
    stream.heldBytes -= count;
    this.#heldBytes -= count;
    this.#creditConnection();
    this.creditStream(stream, count);
  }

  creditStream(stream: Stream, bytes: number): void {
    stream.uncreditedBytes += bytes;
    if (stream.remoteEnded || stream.uncreditedBytes < this.streamBytes >> 1) return;
    stream.receiveWindow += stream.uncreditedBytes;
    this.#sender.windowUpdate(stream.id, stream.uncreditedBytes);
    stream.uncreditedBytes = 0;
  }

  /** The stream is over; what its owner holds is no longer counted. */
  forget(stream: Stream): void {
    this.#heldBytes -= stream.heldBytes;
    stream.heldBytes = 0;
    this.#creditConnection();
  }

  #creditConnection(): void {
    const { connectionWindowBytes, maxHeldBytes } = this.#settings;
    if (this.#uncreditedBytes < connectionWindowBytes >> 1 || this.#heldBytes > maxHeldBytes) {
      return;
    }
    this.#window += this.#uncreditedBytes;
    this.#sender.windowUpdate(0, this.#uncreditedBytes);
    this.#uncreditedBytes = 0;
  }
}
