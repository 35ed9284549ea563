import type { Peer, Transport, TransportHandler } from '../../sidecar/transport.ts';

/** A transport without a socket: what is written is collected, what comes is pumped. */
export class MemoryTransport implements Transport {
  readonly peer: Peer = { address: '', port: 0, identity: undefined, workload: undefined };
  /** All that was written, in latin1. */
  written = '';
  /** We have said that nothing more comes from us. */
  ended = false;
  destroyed = false;
  #handler: TransportHandler | undefined;
  #incoming: Buffer[] = [];
  #incomingEnds = false;
  #endTold = false;
  #closeTold = false;
  #paused = true;

  attach(handler: TransportHandler): void {
    this.#handler = handler;
  }

  write(bytes: Buffer): boolean {
    if (!this.ended && !this.destroyed) this.written += bytes.toString('latin1');
    return true;
  }

  end(): void {
    this.ended = true;
  }

  destroy(): void {
    this.destroyed = true;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
  }

  /** What the other side sends; it comes with `pump`. */
  send(...pieces: readonly Buffer[]): void {
    this.#incoming.push(...pieces);
  }

  /** The other side sends no more. */
  sendEnd(): void {
    this.#incomingEnds = true;
  }

  /** Delivers one thing. False: there was nothing, or it is not wanted yet. */
  pump(): boolean {
    if (this.#closeTold) return false;
    if (this.destroyed || (this.ended && this.#endTold)) {
      this.#closeTold = true;
      this.#handler?.onClose(undefined);
      return true;
    }
    if (this.#paused) return false;
    const bytes = this.#incoming.shift();
    if (bytes !== undefined) this.#handler?.onData(bytes);
    else if (!this.#incomingEnds || this.#endTold) return false;
    else {
      this.#endTold = true;
      this.#handler?.onEnd();
    }
    return true;
  }
}
