import type { Clock } from '../../runtime/clock.ts';
import type { MeshError } from '../../runtime/errors.ts';
import type { Endpoint } from '../config/types.ts';
import { createHttp2Connection, type Http2Options } from '../http2/connection.ts';
import { type Dialed, type DialedHttp2, dialError } from './dialer.ts';
import { OwnConnection } from './own-connection.ts';
import type { SharedConnection, SharedConnectionOwner } from './shared-connection.ts';
import { TrunkConnection } from './trunk-connection.ts';

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

/** A request that needs a stream, and for which a connection is being opened. */
export interface StreamPoolWaiter {
  readonly cancelled: boolean;
  readonly connectTimeoutMs: number;
  /** To the one for which this connection was opened, whatever became of it since. */
  onDialed(connection: SharedConnection, endpoint: Endpoint): void;
  /** The connection has room for one stream, until this returns. */
  onConnection(connection: SharedConnection): void;
  /** The connection takes fewer streams than there are who waited for it. */
  onNoRoom(): void;
  onDialFailed(error: MeshError): void;
}

/** The endpoint as its pool sees it. */
export interface StreamPoolOwner {
  readonly endpoint: Endpoint;
  readonly clock: Clock;
  /** It may vanish without a word, so that somebody has to look after it. */
  readonly mayVanish: boolean;
  dialHttp2(timeoutMs: number): Promise<DialedHttp2>;
  /** Once for each dial, for however many it was made. */
  streamDialFailed(error: MeshError): void;
  /** A stream, or a further connection, may be had that could not be had before. */
  streamsFreed(): void;
}

/**
 * The HTTP/2 connections to one endpoint. A further one is needed only when those
 * that are open carry all the streams that their peer takes.
 */
export class StreamPool implements SharedConnectionOwner {
  readonly #owner: StreamPoolOwner;
  /** Those that take streams, now or later. */
  readonly #connections: SharedConnection[] = [];
  /** Those that end with their last stream. */
  readonly #retired = new Set<SharedConnection>();
  #waiting: StreamPoolWaiter[] = [];
  #dialing = 0;
  #closed = false;

  constructor(owner: StreamPoolOwner) {
    this.#owner = owner;
  }

  /** Those that take streams, now or later. */
  get size(): number {
    return this.#connections.length;
  }

  /** Open, on their way out, or being opened. */
  get open(): number {
    return this.#connections.length + this.#retired.size + this.#dialing;
  }

  /** Open and without a stream. */
  get idle(): number {
    let count = 0;
    for (const { slots } of this.#connections) if (slots === 0) count += 1;
    return count;
  }

  /** The one that is least missed. */
  get leastUsed(): SharedConnection | undefined {
    let least: SharedConnection | undefined;
    for (const connection of this.#connections) {
      if (least === undefined || connection.slots < least.slots) least = connection;
    }
    return least;
  }

  /** One that takes a stream now. */
  take(): SharedConnection | undefined {
    for (const connection of this.#connections) {
      if (!connection.available) continue;
      // Its carrier is on its way out: what is open on it goes on.
      if (!connection.finished) return connection;
      connection.retire();
      return this.take();
    }
    return undefined;
  }

  /** Waits for a connection that is being opened already; false when enough wait for it. */
  join(waiter: StreamPoolWaiter): boolean {
    if (this.#waiting.length >= this.#dialing * EXPECTED_STREAMS) return false;
    this.#waiting.push(waiter);
    return true;
  }

  /** Opens a further connection, and waits for it. */
  connect(waiter: StreamPoolWaiter): void {
    this.#waiting.push(waiter);
    void this.#dial(waiter);
  }

  /**
   * A connection that was made for something else. One over the trunk is not used: there
   * requests have a better way.
   *
   * @param first what the endpoint has said on it
   */
  adopt(dialed: Dialed, first: Buffer | undefined): void {
    if (this.take() === undefined && !dialed.mutualTls) this.#add(dialed, first);
    else dialed.transport.destroy();
    this.#owner.streamsFreed();
  }

  /** False when each has a stream. */
  closeIdle(): boolean {
    const idle = this.#connections.find(({ slots }) => slots === 0);
    idle?.retire();
    return idle !== undefined;
  }

  /** @param idleLimitMs what somebody asked for; our own limit holds besides */
  sweep(nowMs: number, idleLimitMs: number): void {
    for (const connection of [...this.#connections]) connection.sweep(nowMs, idleLimitMs);
  }

  /** No new streams; connections end with their last one. */
  close(): void {
    this.#closed = true;
    for (const connection of [...this.#connections]) connection.retire();
  }

  available(): void {
    this.#owner.streamsFreed();
  }

  retired(connection: SharedConnection): void {
    const index = this.#connections.indexOf(connection);
    if (index >= 0) this.#connections.splice(index, 1);
    this.#retired.add(connection);
  }

  closed(connection: SharedConnection): void {
    this.#retired.delete(connection);
    this.#owner.streamsFreed();
  }

  async #dial(first: StreamPoolWaiter): Promise<void> {
    this.#dialing += 1;
    let dialed: DialedHttp2;
    try {
      dialed = await this.#owner.dialHttp2(first.connectTimeoutMs);
    } catch (error) {
      this.#dialing -= 1;
      this.#failed(dialError(error));
      return;
    }
    this.#dialing -= 1;
    const connection = this.#add(dialed, undefined);
    first.onDialed(connection, this.#owner.endpoint);
    this.#serve();
    if (this.#closed || connection.finished) connection.retire();
    this.#owner.streamsFreed();
  }

  #add(dialed: DialedHttp2, first: Buffer | undefined): SharedConnection {
    const { mayVanish, clock } = this.#owner;
    const nowMs = clock.monotonicMs();
    if (!('transport' in dialed)) {
      const connection = new TrunkConnection(dialed, nowMs, this);
      this.#connections.push(connection);
      return connection;
    }
    const connection = new OwnConnection(dialed, mayVanish, nowMs, this);
    this.#connections.push(connection);
    const options = { ...OPTIONS, clock, ...(first === undefined ? {} : { first }) };
    connection.start(createHttp2Connection(dialed.transport, 'client', options, connection));
    return connection;
  }

  #serve(): void {
    let served = 0;
    for (const waiter of this.#waiting) {
      if (!waiter.cancelled) {
        const connection = this.take();
        if (connection === undefined) break;
        waiter.onConnection(connection);
      }
      served += 1;
    }
    this.#waiting.splice(0, served);
    const surplus = this.#waiting.splice(this.#dialing * EXPECTED_STREAMS);
    for (const waiter of surplus) if (!waiter.cancelled) waiter.onNoRoom();
  }

  #failed(error: MeshError): void {
    this.#owner.streamDialFailed(error);
    if (this.#dialing === 0) {
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const waiter of waiting) if (!waiter.cancelled) waiter.onDialFailed(error);
    }
    this.#owner.streamsFreed();
  }
}
