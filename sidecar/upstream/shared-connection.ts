import { MeshError } from '../../runtime/errors.ts';
import type { HeaderField } from '../http2/header-field.ts';
import type {
  ConnectionHandler,
  Http2Connection,
  Http2Stream,
  StreamHandler,
} from '../http2/types.ts';
import type { Dialed } from './dialer.ts';

/** Without a stream for so long it is closed. */
const IDLE_MS = 60_000;
/** A connection that has streams and heard nothing for so long is asked whether its peer is there; the answer has as long. */
const SILENCE_MS = 10_000;

/** What a connection tells its pool. */
export interface SharedConnectionOwner {
  /** It takes a stream again, after it took none. */
  available(): void;
  /** It takes no stream any more, for good. */
  retired(connection: SharedConnection): void;
  closed(connection: SharedConnection): void;
}

/**
 * One HTTP/2 connection to an endpoint, as many requests use it.
 *
 * A peer that vanished is found by PING, sparingly: servers of gRPC cut clients
 * that ping much. Only while streams are open, only after a silence, and not again
 * before the endpoint has said something of its own.
 */
export class SharedConnection implements ConnectionHandler {
  readonly dialed: Dialed;
  /** It carried a stream before. */
  used = false;
  /** Requests that use it now. */
  slots = 0;
  readonly #owner: SharedConnectionOwner;
  readonly #pings: boolean;
  #connection: Http2Connection | undefined;
  #retired = false;
  /** Since the last sweep. */
  #heard = false;
  #heardMs: number;
  #usedMs: number;
  #pingedMs: number | undefined;
  /** The peer has said something since the last PING, other than its answer. */
  #mayPing = true;

  /** @param mayVanish the peer may be gone without a word */
  constructor(dialed: Dialed, mayVanish: boolean, nowMs: number, owner: SharedConnectionOwner) {
    this.dialed = dialed;
    // The trunk looks after its peers by itself.
    this.#pings = mayVanish && !dialed.mutualTls;
    this.#owner = owner;
    this.#heardMs = nowMs;
    this.#usedMs = nowMs;
  }

  start(connection: Http2Connection): void {
    this.#connection = connection;
  }

  /** Takes a stream now. */
  get available(): boolean {
    return !this.#retired && this.#connection?.available === true;
  }

  get streams(): number {
    return this.#connection?.streamCount ?? 0;
  }

  open(fields: readonly HeaderField[], endStream: boolean, handler: StreamHandler): Http2Stream {
    this.used = true;
    return (this.#connection as Http2Connection).open(fields, endStream, handler);
  }

  heard(): void {
    this.#heard = true;
  }

  sweep(nowMs: number): void {
    if (this.#heard) {
      this.#heard = false;
      this.#heardMs = nowMs;
      this.#mayPing = true;
    }
    if (this.streams > 0) {
      this.#usedMs = nowMs;
      if (this.#pings) this.#watch(nowMs);
    } else if (nowMs - this.#usedMs >= IDLE_MS || this.dialed.transport.finished) {
      this.retire();
    }
  }

  /** No new streams; the connection ends with the last one. */
  retire(): void {
    if (this.#retired) return;
    this.onGoaway();
    this.#connection?.drain();
  }

  onGoaway(): void {
    if (this.#retired) return;
    this.#retired = true;
    this.#owner.retired(this);
  }

  onAvailable(): void {
    this.#owner.available();
  }

  onClose(_error: MeshError | undefined): void {
    this.onGoaway();
    this.#owner.closed(this);
  }

  #watch(nowMs: number): void {
    if (this.#pingedMs !== undefined) {
      if (nowMs - this.#pingedMs >= SILENCE_MS) {
        this.#connection?.destroy(
          new MeshError('connection-reset', 'the peer does not answer PING'),
        );
      }
      return;
    }
    if (!this.#mayPing || nowMs - this.#heardMs < SILENCE_MS) return;
    this.#mayPing = false;
    this.#pingedMs = nowMs;
    this.#connection?.ping(() => {
      this.#pingedMs = undefined;
    });
  }
}
