import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { MeshError } from '../runtime/errors.ts';
import { gather } from './gather.ts';
import { ReceivingTransport } from './receiving-transport.ts';
import { receiveFrom } from './socket-reading.ts';
import type { Peer } from './transport.ts';
import { flushTransportAtTurnEnd } from './turn.ts';

/** What was written and is not with the system yet, before writers are asked to wait. */
const WRITE_LIMIT_BYTES = 64 * 1024;

/**
 * A transport over a socket of Node, TCP or TLS. The socket must have been made with
 * `allowHalfOpen`, and must be paused.
 *
 * Writes of one turn of the event loop leave in one system call, because what
 * costs a proxy is the number of writes.
 */
export class SocketTransport extends ReceivingTransport {
  readonly #socket: Socket;
  /** Written in this turn. */
  #unflushed: Buffer[] = [];
  #unflushedBytes = 0;
  /** A writer was asked to wait. */
  #needsDrain = false;
  /** Node asked us to wait. */
  #congested = false;
  #reading = false;
  #endSent = false;
  #destroyedHere = false;
  #error: Error | undefined;

  constructor(socket: Socket, peer: Peer) {
    super(peer);
    this.#socket = socket;
    // Before the listener for data, which would set the socket flowing.
    socket.pause();
    receiveFrom(socket, (bytes) => this.received(bytes));
    socket.on('end', () => this.receivedEnd());
    socket.on('drain', () => this.#onDrain());
    socket.on('error', (error: Error) => {
      this.#error ??= error;
    });
    socket.on('close', () => this.#onClose());
  }

  get finished(): boolean {
    return (
      this.closed ||
      this.#destroyedHere ||
      this.endReceived ||
      this.#endSent ||
      this.#socket.destroyed
    );
  }

  write(bytes: Buffer): boolean {
    this.bytesWritten += bytes.length;
    if (this.#unflushed.length === 0) flushTransportAtTurnEnd(this);
    this.#unflushed.push(bytes);
    this.#unflushedBytes += bytes.length;
    if (!this.#congested && this.#unflushedBytes < WRITE_LIMIT_BYTES) return true;
    this.#needsDrain = true;
    return false;
  }

  /** Sends what was written in this turn; happens by itself. */
  flush(): void {
    const bytes = this.#unflushedBytes;
    if (bytes === 0 && this.#unflushed.length === 0) return;
    const pieces = this.#unflushed;
    this.#unflushed = [];
    this.#unflushedBytes = 0;
    const socket = this.#socket;
    if (socket.destroyed || this.#destroyedHere) return;
    const more = writeAll(socket, pieces, bytes);
    if (this.#endSent) socket.end();
    if (!more) this.#congested = true;
    else if (this.#needsDrain && !this.#congested) this.#onDrain();
  }

  end(): void {
    if (this.#endSent || this.#destroyedHere || this.closed) return;
    this.#endSent = true;
    if (this.#unflushed.length === 0) this.#socket.end();
  }

  destroy(error?: Error): void {
    if (this.#destroyedHere || this.closeTold) return;
    this.#destroyedHere = true;
    this.#error ??= error;
    this.stop();
    const socket = this.#socket;
    if (socket.destroyed) {
      // Its close may be past already.
      process.nextTick(() => this.#onClose());
    } else if (error !== undefined && !this.#endSent && !(socket instanceof TLSSocket)) {
      // A reset, so that the peer does not take what it has for all there was. Not
      // after our end: the kernel refuses it then, and Node would never close.
      socket.resetAndDestroy();
    } else {
      socket.destroy();
    }
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

  #onDrain(): void {
    this.#congested = false;
    if (!this.#needsDrain) return;
    this.#needsDrain = false;
    this.writable();
  }

  #onClose(): void {
    if (this.#destroyedHere || this.#error !== undefined) this.broken(this.#error);
    else if (this.endReceived && this.#endSent) this.closedCleanly();
    else this.broken(new MeshError('connection-reset', 'the peer cut the connection'));
  }
}

/** False when Node asks to wait. */
function writeAll(socket: Socket, pieces: readonly Buffer[], bytes: number): boolean {
  const single = pieces.length === 1 ? pieces[0] : gather(pieces, bytes);
  if (single !== undefined) return socket.write(single);
  socket.cork();
  let more = true;
  for (const piece of pieces) more = socket.write(piece);
  socket.uncork();
  return more;
}
