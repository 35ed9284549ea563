import type { Transport } from '../transport.ts';
import type { Framing } from './framing.ts';

/** Up to this size copying a piece costs less than three writes. */
const COPY_LIMIT_BYTES = 4096;
const CRLF: Buffer = Buffer.from('\r\n');
const LAST_CHUNK: Buffer = Buffer.from('0\r\n\r\n');

/**
 * Writes a body onto a transport. A chunk's size is only written for bytes that
 * are at hand, so that a sender who breaks off never leaves the reader waiting
 * inside a chunk.
 */
export class BodyWriter {
  readonly #transport: Transport;
  readonly #chunked: boolean;
  /** On the wire, framing included. */
  writtenBytes = 0;

  constructor(transport: Transport, framing: Framing) {
    this.#transport = transport;
    this.#chunked = framing.kind === 'chunked';
  }

  /** False asks to wait for the transport's drain. */
  write(bytes: Buffer): boolean {
    if (bytes.length === 0) return true;
    if (!this.#chunked) return this.#put(bytes);
    const size = `${bytes.length.toString(16)}\r\n`;
    if (bytes.length > COPY_LIMIT_BYTES) {
      this.#put(Buffer.from(size, 'latin1'));
      this.#put(bytes);
      return this.#put(CRLF);
    }
    const chunk = Buffer.allocUnsafe(size.length + bytes.length + 2);
    chunk.write(size, 0, 'latin1');
    bytes.copy(chunk, size.length);
    CRLF.copy(chunk, size.length + bytes.length);
    return this.#put(chunk);
  }

  /**
   * False as `write`; true where the framing needs no end.
   *
   * @param trailers complete lines; dropped where the framing has no place for them
   */
  end(trailers: Buffer | undefined): boolean {
    if (!this.#chunked) return true;
    if (trailers === undefined) return this.#put(LAST_CHUNK);
    return this.#put(Buffer.concat([Buffer.from('0\r\n'), trailers, CRLF]));
  }

  #put(bytes: Buffer): boolean {
    this.writtenBytes += bytes.length;
    return this.#transport.write(bytes);
  }
}
