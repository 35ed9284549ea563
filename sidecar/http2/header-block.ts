import { floodError, protocolError } from './error-code.ts';

/** CONTINUATION frames of one block; full ones reach the limit in bytes long before. */
const CONTINUATION_LIMIT = 32;

/** The fragments of one header block, from HEADERS to the frame with END_HEADERS. */
export class HeaderBlock {
  readonly #limitBytes: number;
  #fragments: Buffer[] = [];
  #bytes = 0;
  /** 0 when none is open. */
  streamId = 0;
  endStream = false;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get open(): boolean {
    return this.streamId !== 0;
  }

  begin(streamId: number, endStream: boolean, bytes: Buffer, from: number, to: number): void {
    this.streamId = streamId;
    this.endStream = endStream;
    this.#add(bytes, from, to);
  }

  /** @throws ConnectionError when it belongs to no open block, or the block grows too large */
  append(streamId: number, bytes: Buffer, from: number, to: number): void {
    if (streamId !== this.streamId || streamId === 0) {
      throw protocolError('a CONTINUATION frame follows no header block of its stream');
    }
    if (this.#fragments.length > CONTINUATION_LIMIT) {
      throw floodError(`a header block has over ${CONTINUATION_LIMIT} CONTINUATION frames`);
    }
    this.#add(bytes, from, to);
  }

  /** The whole block; nothing is open then. */
  finish(): Buffer {
    const block = Buffer.concat(this.#fragments, this.#bytes);
    this.#fragments = [];
    this.#bytes = 0;
    this.streamId = 0;
    return block;
  }

  #add(bytes: Buffer, from: number, to: number): void {
    this.#bytes += to - from;
    if (this.#bytes > this.#limitBytes) {
      throw floodError(`a header block has over ${this.#limitBytes} bytes`);
    }
    this.#fragments.push(Buffer.from(bytes.subarray(from, to)));
  }
}
