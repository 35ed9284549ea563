import type { Timer } from '../../runtime/clock.ts';
import { MeshError } from '../../runtime/errors.ts';
import type { HttpConnection, HttpContext } from '../context.ts';
import { DenseSet } from '../dense-set.ts';
import type { HeaderField } from '../http2/header-field.ts';
import type {
  ConnectionHandler,
  Http2Connection,
  Http2Stream,
  StreamHandler,
} from '../http2/types.ts';
import { logRefusal } from '../policy/access-log.ts';
import { DEFAULT_POLICY } from '../policy/defaults.ts';
import { recordRefusedHead } from '../policy/metrics.ts';
import type { Peer } from '../transport.ts';
import { errorResponse } from './error-response.ts';
import { fieldBytes } from './fields.ts';
import { isGrpcCall, parseStreamRequest, type StreamRequest } from './request.ts';
import { ServerStream, type StreamOwner } from './server-stream.ts';

/** Takes what is left of a stream that was answered already. */
const NOBODY: StreamHandler = { onHeaders() {}, onData() {}, onWritable() {}, onClose() {} };

/**
 * The server's side of one connection of HTTP/2, whoever made it: each stream is an
 * exchange of its own.
 */
export class StreamServer implements HttpConnection, ConnectionHandler, StreamOwner {
  readonly context: HttpContext;
  readonly peer: Peer;
  readonly #streams = new DenseSet<ServerStream>();
  /** Of the requests that are over: heads and bodies. */
  requestBytes = 0;
  responseBytes = 0;
  #connection: Pick<Http2Connection, 'drain'> | undefined;
  #timer: Timer | undefined;
  #dueMs = 0;
  /** Since when there is no exchange. */
  #quietSinceMs: number;
  #closed = false;

  constructor(peer: Peer, context: HttpContext) {
    this.context = context;
    this.peer = peer;
    this.#quietSinceMs = context.clock.monotonicMs();
  }

  /** @param connection that is drained when nothing comes for long */
  start(connection: Pick<Http2Connection, 'drain'>): void {
    this.#connection = connection;
    this.watch(DEFAULT_POLICY.idleTimeoutMs);
  }

  /** No request is under way. */
  get idle(): boolean {
    return this.#streams.size === 0;
  }

  get idleSinceMs(): number | undefined {
    return this.idle ? this.#quietSinceMs : undefined;
  }

  drain(): void {
    this.#connection?.drain();
  }

  // From the connection.

  onStream(stream: Http2Stream, fields: readonly HeaderField[], endStream: boolean): StreamHandler {
    let request: StreamRequest;
    try {
      request = parseStreamRequest(fields, endStream);
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
      this.#refuse(stream, fields, endStream, error);
      return NOBODY;
    }
    const served = new ServerStream(this, stream, request);
    this.#streams.add(served);
    served.begin(fieldBytes(fields));
    return served;
  }

  onClose(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  // From the streams.

  watch(limitMs: number): void {
    if (limitMs === 0 || this.#closed) return;
    const dueMs = this.context.clock.monotonicMs() + limitMs;
    if (this.#timer !== undefined && this.#dueMs <= dueMs) return;
    this.#timer?.cancel();
    this.#dueMs = dueMs;
    this.#timer = this.context.clock.setTimeout(() => this.#check(), limitMs);
  }

  ended(stream: ServerStream, requestBytes: number, responseBytes: number): void {
    this.#streams.delete(stream);
    this.requestBytes += requestBytes;
    this.responseBytes += responseBytes;
    if (this.#streams.size === 0) this.#quietSinceMs = this.context.clock.monotonicMs();
  }

  /** Ends what was idle for too long, and finds out when to look again. */
  #check(): void {
    this.#timer = undefined;
    const nowMs = this.context.clock.monotonicMs();
    let nextMs = DEFAULT_POLICY.idleTimeoutMs;
    if (this.#streams.size === 0) {
      const leftMs = this.#quietSinceMs + nextMs - nowMs;
      if (leftMs <= 0) this.drain();
      else nextMs = leftMs;
    }
    for (const stream of this.#streams.all()) {
      if (stream.idleLimitMs === 0) continue;
      const leftMs = stream.lastActiveMs + stream.idleLimitMs - nowMs;
      if (leftMs <= 0) stream.expire();
      else nextMs = Math.min(nextMs, leftMs);
    }
    this.watch(Math.ceil(nextMs));
  }

  /** A request that cannot be understood never becomes an exchange. */
  #refuse(
    stream: Http2Stream,
    fields: readonly HeaderField[],
    endStream: boolean,
    error: MeshError,
  ): void {
    const answer = errorResponse(error, '', isGrpcCall(fields));
    stream.sendHeaders(answer.fields, answer.body === undefined);
    if (answer.body !== undefined) stream.sendData(answer.body, true);
    if (!endStream) stream.stopPeer();
    const bytes = fieldBytes(answer.fields) + (answer.body?.length ?? 0);
    this.requestBytes += fieldBytes(fields);
    this.responseBytes += bytes;
    recordRefusedHead(this.context, error, fieldBytes(fields), bytes);
    logRefusal(this.context, 'http2', this.peer, error, fieldBytes(fields), bytes);
  }
}
