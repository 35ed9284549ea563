import type { Clock, Timer } from '../../runtime/clock.ts';
import { MeshError } from '../../runtime/errors.ts';
import type { Transport, TransportHandler } from '../transport.ts';

export interface RelayOptions {
  readonly clock: Clock;
  /** Without a byte in either direction; 0 means no limit. */
  readonly idleTimeoutMs: number;
  /** Both transports are over. `bytesSent` went to the upstream. */
  onEnd(result: RelayResult): void;
}

export interface RelayResult {
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly error: Error | undefined;
  /** The side whose fault the error was. */
  readonly brokenBy: 'downstream' | 'upstream' | undefined;
}

/**
 * Passes bytes between two transports until both directions have ended. An end
 * is passed on as an end, a break as a break, and a side that cannot take more
 * stops the other.
 */
export class Relay {
  readonly #options: RelayOptions;
  readonly #downstream: Side;
  readonly #upstream: Side;
  #error: Error | undefined;
  #brokenBy: 'downstream' | 'upstream' | undefined;
  #lastBytesMs: number;
  #timer: Timer | undefined;

  constructor(downstream: Transport, upstream: Transport, options: RelayOptions) {
    this.#options = options;
    this.#lastBytesMs = options.clock.monotonicMs();
    this.#downstream = new Side(downstream, this);
    this.#upstream = new Side(upstream, this);
    this.#downstream.other = this.#upstream;
    this.#upstream.other = this.#downstream;
  }

  /**
   * @param fromDownstream bytes that the client sent already
   * @param fromUpstream bytes that the server sent already
   */
  start(fromDownstream?: Buffer, fromUpstream?: Buffer): void {
    this.#downstream.transport.attach(this.#downstream);
    this.#upstream.transport.attach(this.#upstream);
    if (fromDownstream !== undefined) this.#downstream.onData(fromDownstream);
    if (fromUpstream !== undefined) this.#upstream.onData(fromUpstream);
    // A side whose first bytes filled the other waits for its drain.
    if (!this.#downstream.paused) this.#downstream.transport.resume();
    if (!this.#upstream.paused) this.#upstream.transport.resume();
    if (this.#options.idleTimeoutMs > 0) this.#arm(this.#options.idleTimeoutMs);
  }

  destroy(error?: Error): void {
    this.#error ??= error;
    this.#downstream.transport.destroy(error);
    this.#upstream.transport.destroy(error);
  }

  /** For the sides. */
  touched(): void {
    this.#lastBytesMs = this.#options.clock.monotonicMs();
  }

  /** For the sides. */
  closed(side: Side, error: Error | undefined): void {
    if (error !== undefined && this.#error === undefined) {
      this.#error = error;
      this.#brokenBy = side === this.#upstream ? 'upstream' : 'downstream';
    }
    const { other } = side;
    if (other === undefined) return;
    if (!other.closed) {
      // After a clean close of one side, what it sent is still on its way to the other.
      if (error !== undefined || !side.ended) other.transport.destroy(error);
      return;
    }
    this.#timer?.cancel();
    this.#options.onEnd({
      bytesSent: this.#downstream.bytes,
      bytesReceived: this.#upstream.bytes,
      error: this.#error,
      brokenBy: this.#brokenBy,
    });
  }

  #arm(delayMs: number): void {
    this.#timer = this.#options.clock.setTimeout(() => {
      const { clock, idleTimeoutMs } = this.#options;
      const leftMs = this.#lastBytesMs + idleTimeoutMs - clock.monotonicMs();
      if (leftMs > 0) this.#arm(leftMs);
      else this.destroy(new MeshError('idle-timeout', `no byte for ${idleTimeoutMs} ms`));
    }, delayMs);
  }
}

/** One transport of a relay, reading for the other. */
class Side implements TransportHandler {
  readonly transport: Transport;
  readonly #relay: Relay;
  other: Side | undefined;
  /** Read from this side. */
  bytes = 0;
  paused = false;
  ended = false;
  closed = false;

  constructor(transport: Transport, relay: Relay) {
    this.transport = transport;
    this.#relay = relay;
  }

  onData(bytes: Buffer): void {
    this.#relay.touched();
    this.bytes += bytes.length;
    if (this.other?.transport.write(bytes) !== false) return;
    this.paused = true;
    this.transport.pause();
  }

  onEnd(): void {
    this.ended = true;
    this.other?.transport.end();
  }

  onDrain(): void {
    const { other } = this;
    if (other === undefined || !other.paused) return;
    this.#relay.touched();
    other.paused = false;
    other.transport.resume();
  }

  onClose(error: Error | undefined): void {
    if (this.closed) return;
    this.closed = true;
    this.#relay.closed(this, error);
  }
}
