import type { Clock } from '../../runtime/clock.ts';
import type { MeshError } from '../../runtime/errors.ts';
import { createHttp2Connection, type Http2Options } from '../http2/connection.ts';
import { type Dialed, dialError } from './dialer.ts';
import { SharedConnection, type SharedConnectionOwner } from './shared-connection.ts';

/** Streams that one connection is expected to take before its peer has said how many (RFC 9113 §6.5.2). */
const EXPECTED_STREAMS = 100;

const OPTIONS: Omit<Http2Options, 'clock'> = {
  settings: {
    // Those whose clients do not read must not hold up the others, and are bounded
    // where the clients are served.
    maxHeldBytes: Number.POSITIVE_INFINITY,
  },
  budgets: {
    // What was on its way when clients gave up large responses.
    lateFrames: { burst: 100_000, perSecond: 100_000, perStream: 16, perData: 0 },
  },
};

/** A request that needs a stream, while no connection has room for one. */
export interface StreamPoolWaiter {
  readonly cancelled: boolean;
  readonly connectTimeoutMs: number;
  /** To the first that waited for this connection. */
  onDialed(dialed: Dialed): void;
  /** The connection has room for one stream, until this returns. */
  onConnection(connection: SharedConnection): void;
  onDialFailed(error: MeshError): void;
}

/** The endpoint as its pool sees it. */
export interface StreamPoolOwner {
  readonly clock: Clock;
  /** It may vanish without a word, so that somebody has to look after it. */
  readonly mayVanish: boolean;
  dial(timeoutMs: number): Promise<Dialed>;
  /** Once for each dial, for however many it was made. */
  streamDialFailed(error: MeshError): void;
}

/**
 * The HTTP/2 connections to one endpoint. A further one is opened only when those
 * that are open carry all the streams that their peer takes.
 */
export class StreamPool implements SharedConnectionOwner {
  readonly #owner: StreamPoolOwner;
  readonly #connections: SharedConnection[] = [];
  #waiting: StreamPoolWaiter[] = [];
  #dialing = 0;
  #closed = false;

  constructor(owner: StreamPoolOwner) {
    this.#owner = owner;
  }

  get size(): number {
    return this.#connections.length;
  }

  /** One that takes a stream now. */
  take(): SharedConnection | undefined {
    for (const connection of this.#connections) {
      if (!connection.available) continue;
      // Its carrier is on its way out: what is open on it goes on.
      if (!connection.dialed.transport.finished) return connection;
      connection.retire();
      return this.take();
    }
    return undefined;
  }

  /** Waits for a connection that is being opened. */
  wait(waiter: StreamPoolWaiter): void {
    this.#waiting.push(waiter);
    if (this.#waiting.length > this.#dialing * EXPECTED_STREAMS) void this.#dial(waiter);
  }

  /**
   * A connection that was made for something else.
   *
   * @param first what the endpoint has said on it
   */
  adopt(dialed: Dialed, first: Buffer | undefined): void {
    if (this.take() === undefined) this.#add(dialed, first);
    else dialed.transport.destroy();
  }

  sweep(nowMs: number): void {
    for (const connection of [...this.#connections]) connection.sweep(nowMs);
  }

  /** No new streams; connections end with their last one. */
  close(): void {
    this.#closed = true;
    for (const connection of [...this.#connections]) connection.retire();
  }

  retired(connection: SharedConnection): void {
    const index = this.#connections.indexOf(connection);
    if (index >= 0) this.#connections.splice(index, 1);
  }

  async #dial(first: StreamPoolWaiter): Promise<void> {
    this.#dialing += 1;
    let dialed: Dialed;
    try {
      dialed = await this.#owner.dial(first.connectTimeoutMs);
    } catch (error) {
      this.#dialing -= 1;
      this.#failed(dialError(error));
      return;
    }
    this.#dialing -= 1;
    first.onDialed(dialed);
    const connection = this.#add(dialed, undefined);
    this.#serve();
    if (this.#closed) connection.retire();
  }

  #add(dialed: Dialed, first: Buffer | undefined): SharedConnection {
    const { mayVanish, clock } = this.#owner;
    const connection = new SharedConnection(dialed, mayVanish, clock.monotonicMs(), this);
    this.#connections.push(connection);
    const options = { ...OPTIONS, clock, ...(first === undefined ? {} : { first }) };
    connection.start(createHttp2Connection(dialed.transport, 'client', options, connection));
    return connection;
  }

  #serve(): void {
    while (this.#waiting.length > 0) {
      const waiter = this.#waiting[0] as StreamPoolWaiter;
      if (!waiter.cancelled) {
        const connection = this.take();
        if (connection === undefined) break;
        this.#waiting.shift();
        waiter.onConnection(connection);
      } else {
        this.#waiting.shift();
      }
    }
    const [next] = this.#waiting;
    if (next !== undefined && this.#dialing === 0) void this.#dial(next);
  }

  #failed(error: MeshError): void {
    this.#owner.streamDialFailed(error);
    if (this.#dialing > 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const waiter of waiting) if (!waiter.cancelled) waiter.onDialFailed(error);
  }
}
