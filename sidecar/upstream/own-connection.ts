import { MeshError } from '../../runtime/errors.ts';
import type { HeaderField } from '../http2/header-field.ts';
import type {
  ConnectionHandler,
  Http2Connection,
  Http2Stream,
  StreamHandler,
} from '../http2/types.ts';
import type { CountedConnection } from '../transport.ts';
import type { Dialed } from './dialer.ts';
import { SharedConnection, type SharedConnectionOwner } from './shared-connection.ts';

/** A connection that has streams and heard nothing for so long is asked whether its peer is there; the answer has as long. */
const SILENCE_MS = 10_000;

/**
 * A shared connection that has a transport of its own.
 *
 * A peer that vanished is found by PING, sparingly: servers of gRPC cut clients
 * that ping much. Only while streams are open, only after a silence, and not again
 * before the endpoint has said something of its own.
 */
export class OwnConnection extends SharedConnection implements ConnectionHandler {
  readonly #dialed: Dialed;
  readonly #pings: boolean;
  #connection: Http2Connection | undefined;
  /** Since the last sweep. */
  #heard = false;
  #heardMs: number;
  #pingedMs: number | undefined;
  /** The peer has said something since the last PING, other than its answer. */
  #mayPing = true;

  /** @param mayVanish the peer may be gone without a word */
  constructor(dialed: Dialed, mayVanish: boolean, nowMs: number, owner: SharedConnectionOwner) {
    super(nowMs, owner);
    this.#dialed = dialed;
    // The trunk looks after its peers by itself.
    this.#pings = mayVanish && !dialed.mutualTls;
    this.#heardMs = nowMs;
  }

  start(connection: Http2Connection): void {
    this.#connection = connection;
  }

  get mutualTls(): boolean {
    return this.#dialed.mutualTls;
  }

  get identity(): string | undefined {
    return this.#dialed.transport.peer.identity;
  }

  get counted(): CountedConnection {
    return this.#dialed.transport;
  }

  get available(): boolean {
    return !this.retired && this.#connection?.available === true;
  }

  protected get streams(): number {
    return this.#connection?.streamCount ?? 0;
  }

  get finished(): boolean {
    return this.#dialed.transport.finished;
  }

  protected openStream(
    fields: readonly HeaderField[],
    endStream: boolean,
    handler: StreamHandler,
  ): Http2Stream {
    return (this.#connection as Http2Connection).open(fields, endStream, handler);
  }

  heard(): void {
    this.#heard = true;
  }

  /** Its transport counts. */
  said(): void {}

  override sweep(nowMs: number, idleLimitMs: number): void {
    if (this.#heard) {
      this.#heard = false;
      this.#heardMs = nowMs;
      this.#mayPing = true;
    }
    super.sweep(nowMs, idleLimitMs);
    if (this.#pings && this.streams > 0) this.#watch(nowMs);
  }

  retire(): void {
    if (this.retired) return;
    this.onGoaway();
    this.#connection?.drain();
  }

  onGoaway(): void {
    if (this.retired) return;
    this.retired = true;
    this.owner.retired(this);
  }

  onAvailable(): void {
    this.owner.available();
  }

  onClose(_error: MeshError | undefined): void {
    this.onGoaway();
    this.owner.closed(this);
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
