import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { MeshError } from '../runtime/errors.ts';
import { BatchingTransport } from './batching-transport.ts';
import { receiveFrom } from './socket-reading.ts';
import type { Peer } from './transport.ts';
import { flushTransportAtTurnEnd } from './turn.ts';
import { TurnShare } from './turn-share.ts';

/**
 * A transport over a socket of Node, TCP or TLS. The socket must have been made with
 * `allowHalfOpen`, and must be paused.
 */
export class SocketTransport extends BatchingTransport {
  readonly #socket: Socket;
  readonly #share = new TurnShare();
  #reading = false;
  #destroyedHere = false;
  #error: Error | undefined;

  constructor(socket: Socket, peer: Peer) {
    super(peer);
    this.#socket = socket;
    // Before the listener for data, which would set the socket flowing.
    socket.pause();
    receiveFrom(socket, (bytes) => this.received(bytes));
    socket.on('end', () => this.receivedEnd());
    socket.on('drain', () => this.drained());
    socket.on('error', (error: Error) => {
      this.#error ??= error;
    });
    socket.on('close', () => this.#onClose());
  }

  protected override get share(): TurnShare {
    return this.#share;
  }

  get unsentBytes(): number {
    return this.writtenBytes + this.#socket.writableLength;
  }

  get finished(): boolean {
    return (
      this.closed ||
      this.#destroyedHere ||
      this.endReceived ||
      this.endSent ||
      this.#socket.destroyed
    );
  }

  destroy(error?: Error): void {
    if (this.#destroyedHere || this.closeTold) return;
    this.#destroyedHere = true;
    this.#error ??= error;
    if (error === undefined) this.stop();
    else this.stopAfterFlush();
    const socket = this.#socket;
    if (socket.destroyed) {
      // Its close may be past already.
      process.nextTick(() => this.#onClose());
    } else if (error !== undefined && !this.endSent && !(socket instanceof TLSSocket)) {
      // A reset, so that the peer does not take what it has for all there was. Not
      // after our end: the kernel refuses it then, and Node would never close.
      socket.resetAndDestroy();
    } else {
      socket.destroy();
    }
  }

  protected schedule(): void {
    flushTransportAtTurnEnd(this);
  }

  protected send(pieces: readonly Buffer[], last: boolean): boolean {
    const socket = this.#socket;
    if (socket.destroyed) return true;
    let more = true;
    if (pieces.length === 1) {
      more = socket.write(pieces[0] as Buffer);
    } else {
      socket.cork();
      for (const piece of pieces) more = socket.write(piece);
      socket.uncork();
    }
    if (last) socket.end();
    return more;
  }

  protected sendEnd(): void {
    this.#socket.end();
  }

  protected onTaken(): void {}

  protected onFlowing(): void {
    if (this.#reading) return;
    this.#reading = true;
    this.#socket.resume();
  }

  protected onHeld(): void {
    this.#reading = false;
    this.#socket.pause();
  }

  #onClose(): void {
    if (this.#destroyedHere || this.#error !== undefined) this.broken(this.#error);
    else if (this.endReceived && this.endSent) this.closedCleanly();
    else this.broken(new MeshError('connection-reset', 'the peer cut the connection'));
  }
}
