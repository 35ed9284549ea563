import { MeshError } from '../../runtime/errors.ts';
import type { Answer } from '../answer.ts';
import type { HttpContext } from '../context.ts';
import type { DenseItem } from '../dense-set.ts';
import type { Attempt, AttemptOwner, Downstream } from '../downstream.ts';
import { Exchange } from '../exchange.ts';
import { ERROR_CODE } from '../http2/error-code.ts';
import { type HeaderField, headerField, literalField } from '../http2/header-field.ts';
import type { Http2Stream, StreamEnd, StreamHandler } from '../http2/types.ts';
import type { Peer } from '../transport.ts';
import type { Cluster } from '../upstream/types.ts';
import { StreamAttempt } from './attempt.ts';
import { errorResponse, grpcOutcome } from './error-response.ts';
import { fieldBytes, relayedTrailers } from './fields.ts';
import type { StreamRequest } from './request.ts';
import type { StreamResponse } from './response.ts';
import { StreamReset } from './stream-reset.ts';
import type { Http2 } from './version.ts';

const NOTHING: Buffer = Buffer.alloc(0);

/** What a stream needs of the connection that it came on. */
export interface StreamOwner {
  readonly context: HttpContext;
  readonly peer: Peer;
  /** A stream may be idle for so long from now on. */
  watch(limitMs: number): void;
  ended(stream: ServerStream, requestBytes: number, responseBytes: number): void;
}

/** The server's side of one request of HTTP/2. */
export class ServerStream implements StreamHandler, Downstream<Http2>, DenseItem {
  readonly peer: Peer;
  place = -1;
  /** 0 means no limit. */
  idleLimitMs = 0;
  lastActiveMs: number;
  readonly #owner: StreamOwner;
  readonly #stream: Http2Stream;
  readonly #exchange: Exchange<Http2>;
  /** The client has sent all of its request. */
  #received: boolean;
  /** Our END_STREAM was sent. */
  #sent = false;
  #writable = true;
  #paused = false;
  #unconsumedBytes = 0;
  /** There is no exchange any more. */
  #over = false;
  /** Nothing can be written any more. */
  #closed = false;

  constructor(owner: StreamOwner, stream: Http2Stream, request: StreamRequest) {
    this.peer = owner.peer;
    this.#owner = owner;
    this.#stream = stream;
    this.#received = request.endsStream;
    this.#exchange = new Exchange<Http2>(owner.context, request, this);
    this.lastActiveMs = this.#exchange.startedMs;
  }

  begin(requestBytes: number): void {
    const exchange = this.#exchange;
    exchange.requestBytes = requestBytes;
    exchange.begin();
    if (this.#received) exchange.onBodyEnd(undefined);
  }

  /** Nothing was sent for longer than the limit. */
  expire(): void {
    this.#exchange.fail(new MeshError('idle-timeout', 'nothing was sent for too long'));
  }

  // From the client.

  onHeaders(fields: readonly HeaderField[]): void {
    this.#received = true;
    if (this.#over) return;
    this.#touch();
    this.#exchange.requestBytes += fieldBytes(fields);
    this.#exchange.onBodyEnd(relayedTrailers(fields, false));
  }

  onData(bytes: Buffer, endStream: boolean): void {
    this.#received = endStream;
    if (this.#over) return;
    this.#touch();
    const exchange = this.#exchange;
    exchange.requestBytes += bytes.length;
    if (endStream) {
      if (bytes.length > 0) exchange.onBody(bytes, true);
      else exchange.onBodyEnd(undefined);
      return;
    }
    this.#unconsumedBytes += bytes.length;
    exchange.onBody(bytes, false);
    if (!this.#paused) this.#credit();
  }

  onWritable(): void {
    this.#writable = true;
    if (!this.#over) this.#exchange.onWritable();
  }

  onClose(end: StreamEnd): void {
    this.#closed = true;
    // A whole stream is told of while our last bytes are still being written.
    if (end.kind !== 'complete' && !this.#over) this.#exchange.abandon();
  }

  // From the exchange.

  limitIdle(limitMs: number): void {
    this.idleLimitMs = limitMs;
    this.#owner.watch(limitMs);
  }

  attempt(owner: AttemptOwner<Http2>, cluster: Cluster): Attempt {
    return new StreamAttempt(owner, cluster);
  }

  writeInterim(response: StreamResponse): void {
    this.#head(response.encode(false), false);
  }

  writeResponse(response: StreamResponse, keepTrust: boolean): void {
    this.#head(response.encode(keepTrust), response.endsStream);
  }

  writeAnswer({ status, fields }: Answer): void {
    const head = [headerField(':status', String(status))];
    for (const [name, value] of fields) head.push(literalField(name, value));
    if (status !== 204) head.push(headerField('content-length', '0'));
    this.#head(head, true);
  }

  writeError(error: MeshError): number {
    const { method, isGrpc } = this.#exchange.request;
    const { status, fields, body } = errorResponse(error, method, isGrpc);
    this.#head(fields, body === undefined);
    if (body !== undefined) this.writeBody(body, true);
    return status;
  }

  writeBody(bytes: Buffer, last: boolean): boolean {
    if (this.#closed) return true;
    this.#touch();
    this.#exchange.responseBytes += bytes.length;
    this.#sent = last;
    this.#writable = this.#stream.sendData(bytes, last);
    return this.#writable;
  }

  endBody(trailers: readonly HeaderField[] | undefined): void {
    if (this.#closed || this.#sent) return;
    if (trailers === undefined) this.writeBody(NOTHING, true);
    else this.#head(trailers, true);
  }

  pauseRequest(): void {
    this.#paused = true;
  }

  resumeRequest(): void {
    this.#paused = false;
    this.#credit();
  }

  cut(error: MeshError): void {
    if (this.#closed) return;
    // Clients of gRPC that still read learn the reason; a reset would hide it.
    if (this.#exchange.request.isGrpc && this.#writable) this.#head(grpcOutcome(error), true);
    else this.#reset(error instanceof StreamReset ? error.clientCode : ERROR_CODE.internalError);
  }

  exchangeEnded(): void {
    this.#over = true;
    const { requestBytes, responseBytes } = this.#exchange;
    this.#owner.ended(this, requestBytes, responseBytes);
    if (!this.#received && !this.#closed) this.#stream.stopPeer();
  }

  #head(fields: readonly HeaderField[], last: boolean): void {
    if (this.#closed) return;
    this.#touch();
    this.#exchange.responseBytes += fieldBytes(fields);
    this.#sent = last;
    this.#stream.sendHeaders(fields, last);
  }

  #credit(): void {
    const bytes = this.#unconsumedBytes;
    if (bytes === 0 || this.#closed || this.#over) return;
    this.#unconsumedBytes = 0;
    this.#stream.consumed(bytes);
  }

  #reset(code: number): void {
    this.#closed = true;
    this.#stream.reset(code);
  }

  #touch(): void {
    this.lastActiveMs = this.#owner.context.clock.monotonicMs();
  }
}
