import type { Http2Session } from 'node:http2';
import type { Clock, Timer } from '../../runtime/clock.ts';
import { MeshError } from '../../runtime/errors.ts';
import { IDLE_CONNECTION_MS, PING_INTERVAL_MS } from './protocol.ts';

/**
 * Watches over one connection of the trunk: a peer that no longer answers PING is
 * gone, and a connection that carried no stream for a while is not needed.
 */
export class Liveness {
  readonly #session: Http2Session;
  readonly #clock: Clock;
  readonly #streams: () => number;
  readonly #onIdle: () => void;
  readonly #onDead: (error: MeshError) => void;
  #idleSinceMs: number;
  #timer: Timer | undefined;

  constructor(options: {
    session: Http2Session;
    clock: Clock;
    streams: () => number;
    onIdle: () => void;
    /** Has to destroy the socket: destroying a session waits until the peer has read what was written. */
    onDead: (error: MeshError) => void;
  }) {
    this.#session = options.session;
    this.#clock = options.clock;
    this.#streams = options.streams;
    this.#onIdle = options.onIdle;
    this.#onDead = options.onDead;
    this.#idleSinceMs = options.clock.monotonicMs();
    this.#session.once('close', () => this.#timer?.cancel());
    this.#arm();
  }

  #arm(): void {
    this.#timer = this.#clock.setTimeout(() => this.#check(), PING_INTERVAL_MS);
  }

  #check(): void {
    if (this.#session.destroyed) return;
    const now = this.#clock.monotonicMs();
    if (this.#streams() > 0) this.#idleSinceMs = now;
    if (now - this.#idleSinceMs >= IDLE_CONNECTION_MS) {
      this.#onIdle();
      if (this.#session.destroyed) return;
    }
    const deadline = this.#clock.setTimeout(() => {
      this.#onDead(new MeshError('connection-reset', 'the peer does not answer PING'));
    }, PING_INTERVAL_MS);
    this.#timer = deadline;
    const sent = this.#session.ping((error) => {
      if (this.#timer !== deadline) return;
      deadline.cancel();
      if (error === null) this.#arm();
    });
    if (!sent) deadline.cancel();
  }
}
