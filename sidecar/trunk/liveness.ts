import type { Clock, Timer } from '../../runtime/clock.ts';
import { MeshError } from '../../runtime/errors.ts';
import type { Http2Connection } from '../http2/types.ts';
import { IDLE_CONNECTION_MS, PING_INTERVAL_MS } from './protocol.ts';

export interface LivenessOptions {
  readonly connection: Http2Connection;
  readonly clock: Clock;
  readonly onIdle: () => void;
  readonly onDead: (error: MeshError) => void;
}

/**
 * Watches over one connection of the trunk: a peer that no longer answers PING is
 * gone, and a connection that carried no stream for a while is not needed.
 */
export class Liveness {
  readonly #options: LivenessOptions;
  #idleSinceMs: number;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: LivenessOptions) {
    this.#options = options;
    this.#idleSinceMs = options.clock.monotonicMs();
    this.#arm();
  }

  /** The connection is gone. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #arm(): void {
    this.#timer = this.#options.clock.setTimeout(() => this.#check(), PING_INTERVAL_MS);
  }

  #check(): void {
    const { connection, clock, onIdle, onDead } = this.#options;
    const now = clock.monotonicMs();
    if (connection.streamCount > 0) this.#idleSinceMs = now;
    if (now - this.#idleSinceMs >= IDLE_CONNECTION_MS) onIdle();
    if (this.#stopped) return;
    const deadline = clock.setTimeout(() => {
      onDead(new MeshError('connection-reset', 'the peer does not answer PING'));
    }, PING_INTERVAL_MS);
    this.#timer = deadline;
    connection.ping(() => {
      if (this.#timer !== deadline || this.#stopped) return;
      deadline.cancel();
      this.#arm();
    });
  }
}
