import type { Transport, TransportHandler } from '../transport.ts';
import type { IdleTimer } from './idle-timer.ts';

/** Grows with what is relayed. */
export interface ByteCount {
  requestBytes: number;
  responseBytes: number;
}

/**
 * Two transports that relay to each other, after a switch of protocols. A half
 * that ends is ended on the other side; the other half goes on.
 */
export class Tunnel {
  readonly #client: Transport;
  readonly #server: Transport;
  readonly #idle: IdleTimer;
  readonly #onEnd: () => void;
  readonly #count: ByteCount;
  #over = false;

  constructor(options: {
    client: Transport;
    server: Transport;
    idle: IdleTimer;
    count: ByteCount;
    /** Both sides are closed, or going to be. */
    onEnd: () => void;
  }) {
    this.#client = options.client;
    this.#server = options.server;
    this.#idle = options.idle;
    this.#count = options.count;
    this.#onEnd = options.onEnd;
  }

  /** @param fromClient bytes that came behind the request; `fromServer` behind the response */
  start(fromClient: Buffer[], fromServer: Buffer | undefined): void {
    this.#client.attach(this.#handler(this.#client, this.#server, true));
    this.#server.attach(this.#handler(this.#server, this.#client, false));
    for (const bytes of fromClient) this.#pass(bytes, this.#client, this.#server, true);
    if (fromServer !== undefined) this.#pass(fromServer, this.#server, this.#client, false);
    this.#client.resume();
    this.#server.resume();
  }

  cut(): void {
    this.#client.destroy();
    this.#server.destroy();
  }

  #handler(from: Transport, to: Transport, isClient: boolean): TransportHandler {
    return {
      onData: (bytes) => this.#pass(bytes, from, to, isClient),
      onEnd: () => to.end(),
      onDrain: () => to.resume(),
      onClose: () => {
        to.destroy();
        if (this.#over) return;
        this.#over = true;
        this.#onEnd();
      },
    };
  }

  #pass(bytes: Buffer, from: Transport, to: Transport, isClient: boolean): void {
    if (isClient) this.#count.requestBytes += bytes.length;
    else this.#count.responseBytes += bytes.length;
    this.#idle.touch();
    if (!to.write(bytes)) from.pause();
  }
}
