import { STATUS_CODES } from 'node:http';
import type { MeshError } from '../../runtime/errors.ts';
import type { Answer } from '../answer.ts';
import { encodeErrorResponse } from '../policy/respond.ts';
import type { Transport } from '../transport.ts';
import { NO_BODY } from './framing.ts';
import type { Request } from './request.ts';
import type { Response } from './response.ts';
import type { ByteCount } from './tunnel.ts';
import { BodyWriter } from './write-body.ts';
import { fieldLine } from './write-head.ts';

/** Writes the response to one request, and counts its bytes. */
export class ResponseWriter {
  readonly #transport: Transport;
  readonly #request: Request;
  readonly #count: ByteCount;
  /** The client has not taken what was written: the transport will tell when it has. */
  clogged = false;
  #body: BodyWriter | undefined;

  constructor(transport: Transport, request: Request, count: ByteCount) {
    this.#transport = transport;
    this.#request = request;
    this.#count = count;
  }

  /** 1xx. */
  interim(response: Response): void {
    this.#put(response.encode(NO_BODY, 1, response.status === 101 ? 'upgrade' : undefined, false));
  }

  /** The client can only tell the end of the body from the end of the connection. */
  endsWithConnection(response: Response): boolean {
    return response.framingFor(this.#request.minorVersion).kind === 'close';
  }

  /** @param connection the value of Connection, when something is to be said */
  head(response: Response, connection: string | undefined, keepTrust: boolean): void {
    const { minorVersion } = this.#request;
    const framing = response.framingFor(minorVersion);
    this.#body = new BodyWriter(this.#transport, framing);
    this.#put(response.encode(framing, minorVersion, connection, keepTrust));
  }

  answer({ status, fields }: Answer, connection: string | undefined): void {
    let lines = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
    for (const [name, value] of fields) lines += fieldLine(name, value);
    if (status !== 204) lines += fieldLine('content-length', '0');
    if (connection !== undefined) lines += fieldLine('connection', connection);
    this.#put(Buffer.from(`${lines}\r\n`, 'latin1'));
  }

  error(error: MeshError, connection: string | undefined): void {
    this.#put(encodeErrorResponse(error, this.#request.method, connection));
  }

  /** False asks to wait for the transport's drain. */
  body(bytes: Buffer): boolean {
    const body = this.#body;
    if (body === undefined) return true;
    const before = body.writtenBytes;
    const writable = body.write(bytes);
    this.#wrote(body.writtenBytes - before, writable);
    return writable;
  }

  end(trailers: Buffer | undefined): void {
    const body = this.#body;
    if (body === undefined) return;
    const before = body.writtenBytes;
    const writable = body.end(trailers);
    this.#wrote(body.writtenBytes - before, writable);
  }

  #put(bytes: Buffer): void {
    this.#wrote(bytes.length, this.#transport.write(bytes));
  }

  #wrote(byteCount: number, writable: boolean): void {
    if (byteCount === 0) return;
    this.#count.responseBytes += byteCount;
    this.clogged = !writable;
  }
}
