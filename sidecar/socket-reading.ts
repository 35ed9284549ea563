import { type BoundSocket, Socket } from 'node:net';
import { tookMemory } from './read-memory.ts';
import { slab } from './slab.ts';

/**
 * Left alone, Node allocates 64 KiB for each read of a socket, and gives back what the
 * read did not fill. Here small reads of all sockets go into one buffer, and what
 * came is copied. A socket that fills it gets buffers of its own, which are handed on
 * without a copy.
 */
const READ_BYTES = 64 * 1024;
/** A read of more is handed on as it is. */
const COPY_LIMIT_BYTES = 16 * 1024;

const shared: Buffer = Buffer.allocUnsafeSlow(READ_BYTES);

/** Of the beginning of a buffer. */
function copyOf(bytes: Buffer, length: number): Buffer {
  const start = slab.reserve(length);
  bytes.copy(slab.bytes, start, 0, length);
  return slab.cut(start + length);
}

function ownBuffer(): Buffer {
  tookMemory(READ_BYTES);
  return Buffer.allocUnsafeSlow(READ_BYTES);
}

/** Takes what a socket reads; the bytes are the receiver's. */
type Receiver = (bytes: Buffer) => void;

/** The reads of one socket. */
class Reading {
  receiver: Receiver | undefined;
  #current: Buffer = shared;
  #next: Buffer | undefined = shared;

  /** For Node: where the next read goes; undefined leaves it as it is. */
  readonly buffer = (): Buffer => {
    const next = this.#next;
    this.#next = undefined;
    if (next !== undefined) this.#current = next;
    // The type does not know of undefined.
    return next as Buffer;
  };

  readonly callback = (length: number): boolean => {
    const current = this.#current;
    const isOwn = current !== shared;
    const isLarge = length > COPY_LIMIT_BYTES;
    if (isLarge) this.#next = ownBuffer();
    else if (isOwn) this.#next = shared;
    this.receiver?.(isLarge && isOwn ? current.subarray(0, length) : copyOf(current, length));
    return true;
  };
}

const readings = new WeakMap<Socket, Reading>();

/** A socket to connect with; half-open allowed. */
export function createSocket(): Socket {
  const reading = new Reading();
  const { buffer, callback } = reading;
  const socket = new Socket({ allowHalfOpen: true, onread: { buffer, callback } });
  readings.set(socket, reading);
  return socket;
}

/** What a socket of Node has besides what is documented. */
interface Inside {
  _handle: BoundSocket | null;
  /** Counts its connections. */
  _server: object | null;
}

/**
 * Gives an accepted socket, on which nothing was read yet, the reading of
 * `createSocket`. Node has no documented way, so the handle moves into a new socket;
 * where that is not possible the socket stays as it is.
 */
export function adoptSocket(accepted: Socket): Socket {
  const from = accepted as unknown as Inside;
  if (typeof from._handle !== 'object' || from._handle === null || accepted.destroyed) {
    return accepted;
  }
  const reading = new Reading();
  const { buffer, callback } = reading;
  const options = { handle: from._handle, pauseOnCreate: true };
  const socket = new Socket({ ...options, allowHalfOpen: true, onread: { buffer, callback } });
  (socket as unknown as Inside)._server = from._server;
  from._handle = null;
  from._server = null;
  readings.set(socket, reading);
  return socket;
}

/** Tells what the socket reads. It has to be paused. */
export function receiveFrom(socket: Socket, receiver: Receiver): void {
  const reading = readings.get(socket);
  if (reading !== undefined) {
    reading.receiver = receiver;
    return;
  }
  socket.on('data', (bytes: Buffer) => {
    receiver(bytes);
    tookMemory(bytes.length);
  });
}
