import { MeshError } from '../../runtime/errors.ts';
import type { OwnedTransport, TransportHandler } from '../transport.ts';
import type { OpenConnection, OpenConnections } from './open-connections.ts';

/** Attached while nobody serves a connection. */
export const NOBODY: TransportHandler = { onData() {}, onEnd() {}, onDrain() {}, onClose() {} };

/** Whoever serves a connection. */
type ConnectionServer = Pick<OpenConnection, 'drain'> & Partial<OpenConnection>;

/**
 * A connection from its acceptance to its end, while it passes from hand to
 * hand: held until its destination is known, then whoever serves it.
 */
export class AcceptedConnection implements OpenConnection {
  readonly transport: OwnedTransport;
  #server: ConnectionServer | undefined;
  #stopHolding: (() => void) | undefined;

  constructor(transport: OwnedTransport, open: OpenConnections) {
    this.transport = transport;
    open.add(this);
    transport.onClosed = () => {
      this.#stopHolding?.();
      open.remove(this);
    };
    transport.attach(NOBODY);
  }

  /** The connection waits; `stop` is called when it ends before. */
  hold(stop: () => void): void {
    this.#stopHolding = stop;
    this.transport.pause();
    this.transport.attach(NOBODY);
  }

  serveWith(server: ConnectionServer): void {
    this.#stopHolding = undefined;
    this.#server = server;
  }

  /** While it is held somebody looks for its destination. */
  get idleSinceMs(): number | undefined {
    return this.#server?.idleSinceMs;
  }

  drain(): void {
    if (this.#server === undefined) this.destroy();
    else this.#server.drain();
  }

  destroy(): void {
    if (this.#server?.destroy !== undefined) this.#server.destroy();
    else this.transport.destroy(new MeshError('draining', 'the sidecar closed the connection'));
  }
}
