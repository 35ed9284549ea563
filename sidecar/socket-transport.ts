import { constants, type Http2Stream } from 'node:http2';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { MeshError } from '../runtime/errors.ts';
import type { OwnedTransport, Peer, TransportHandler } from './transport.ts';

/** Transports that wrote in this turn of the event loop. */
let unflushed: SocketTransport[] = [];

function flushAll(): void {
  const transports = unflushed;
  unflushed = [];
  for (const transport of transports) transport.flush();
}

/**
 * A {@link Transport} over a Node stream: a TCP socket, a TLS socket or a stream
 * of the trunk. Sockets must have been made with `allowHalfOpen`.
 *
 * Writes of one turn of the event loop leave in one system call, because what
 * costs a proxy is the number of writes.
 */
export class SocketTransport implements OwnedTransport {
  readonly peer: Peer;
  onClosed: (() => void) | undefined;
  onCounted: (() => void) | undefined;
  /** Set when its carrier, a connection of the trunk, takes nothing new. */
  retired = false;
  bytesRead = 0;
  bytesWritten = 0;
  readonly #stream: Duplex;
  #handler: TransportHandler | undefined;
  #corked = false;
  #endReceived = false;
  #endSent = false;
  #destroyedHere = false;
  #closed = false;
  #error: Error | undefined;

  constructor(stream: Duplex, peer: Peer) {
    this.peer = peer;
    this.#stream = stream;
    // Before the listener for data, which would set the stream flowing.
    stream.pause();
    stream.on('data', (bytes: Buffer) => {
      this.bytesRead += bytes.length;
      this.#handler?.onData(bytes);
    });
    stream.on('end', () => {
      // Node ends the readable side of a stream that was reset as well.
      if (isHttp2Stream(stream) && (stream.rstCode !== 0 || stream.aborted)) return;
      this.#endReceived = true;
      this.#handler?.onEnd();
    });
    stream.on('drain', () => this.#handler?.onDrain());
    stream.on('error', (error: Error) => {
      this.#error ??= error;
    });
    stream.on('close', () => this.#onClose());
  }

  /** No longer usable, or about to close. */
  get closed(): boolean {
    return this.#closed || this.#destroyedHere || this.#stream.destroyed;
  }

  get finished(): boolean {
    return this.retired || this.closed || this.#endReceived || this.#endSent;
  }

  attach(handler: TransportHandler): void {
    this.#handler = handler;
    if (!this.#endReceived && !this.#closed) return;
    // What the handler before was told, the new one must know as well.
    process.nextTick(() => {
      if (this.#handler !== handler) return;
      if (!this.#closed) {
        handler.onEnd();
        return;
      }
      this.#tellClose(handler);
    });
  }

  write(bytes: Buffer): boolean {
    this.bytesWritten += bytes.length;
    if (!this.#corked) {
      this.#corked = true;
      this.#stream.cork();
      if (unflushed.length === 0) setImmediate(flushAll);
      unflushed.push(this);
    }
    return this.#stream.write(bytes);
  }

  /** Sends what was written in this turn; happens by itself. */
  flush(): void {
    if (!this.#corked) return;
    this.#corked = false;
    if (!this.#stream.destroyed) this.#stream.uncork();
  }

  end(): void {
    if (this.#endSent || this.closed) return;
    this.#endSent = true;
    this.#stream.end();
  }

  destroy(error?: Error): void {
    if (this.#destroyedHere || this.#closed) return;
    this.#destroyedHere = true;
    this.#error ??= error;
    if (this.#stream.destroyed) {
      // Its close may be past already.
      process.nextTick(() => this.#onClose());
    } else if (isHttp2Stream(this.#stream)) {
      // A reset with no error would look like a clean end to the peer. So would one
      // after an end, which Node sends first unless there is nothing to be done for it.
      if (!this.#endSent) this.#stream._final = (done) => done();
      this.#stream.close(constants.NGHTTP2_CANCEL);
      this.#stream.destroy();
    } else if (error !== undefined && !this.#endSent && isPlainSocket(this.#stream)) {
      // A reset, so that the peer does not take what it has for all there was. Not
      // after our end: the kernel refuses it then, and Node would never close.
      this.#stream.resetAndDestroy();
    } else {
      this.#stream.destroy();
    }
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  #onClose(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (!this.#destroyedHere && !(this.#endReceived && this.#endSent)) {
      this.#error ??= new MeshError('connection-reset', 'the peer cut the connection');
    }
    this.#tellClose(this.#handler);
  }

  #tellClose(handler: TransportHandler | undefined): void {
    handler?.onClose(this.#error);
    this.onClosed?.();
    const counted = this.onCounted;
    this.onCounted = undefined;
    counted?.();
  }
}

function isPlainSocket(stream: Duplex): stream is Socket {
  return stream instanceof Socket && !(stream instanceof TLSSocket);
}

function isHttp2Stream(stream: Duplex): stream is Http2Stream & Duplex {
  return 'rstCode' in stream;
}
