import { MeshError } from '../../runtime/errors.ts';
import type { Endpoint } from '../config/types.ts';
import { countDialedConnection } from '../count-connection.ts';
import type { Attempt, AttemptOwner } from '../downstream.ts';
import { ERROR_CODE } from '../http2/error-code.ts';
import type { HeaderField } from '../http2/header-field.ts';
import type { Http2Stream, StreamEnd, StreamHandler } from '../http2/types.ts';
import { INTERIM_LIMIT } from '../message.ts';
import { outcomeOfCall, outcomeOfHead } from '../policy/endpoint-outcome.ts';
import type { BodyTarget } from '../request-body.ts';
import type { CountedConnection } from '../transport.ts';
import type {
  Acquisition,
  AttemptOutcome,
  Cluster,
  StreamSlot,
  StreamWaiter,
} from '../upstream/types.ts';
import { fieldBytes, relayedTrailers } from './fields.ts';
import { grpcStatusIn, StreamResponse } from './response.ts';
import { StreamReset } from './stream-reset.ts';
import type { Http2 } from './version.ts';

const NOTHING: Buffer = Buffer.alloc(0);

/**
 * One sending of a request as a stream of a connection that other requests use as
 * well. What is received gives the server credit once the client's side took it,
 * so that a client that does not read holds up its own stream only.
 */
export class StreamAttempt
  implements Attempt, StreamWaiter, StreamHandler, BodyTarget<readonly HeaderField[]>
{
  readonly #owner: AttemptOwner<Http2>;
  readonly #cluster: Cluster;
  #acquisition: Acquisition | undefined;
  #slot: StreamSlot | undefined;
  #stream: Http2Stream | undefined;
  #response: StreamResponse | undefined;
  #interims = 0;
  /** Our END_STREAM was sent. */
  #sent = false;
  /** The end of the response came. */
  #received = false;
  #paused = false;
  #unconsumedBytes = 0;
  #reported = false;
  #over = false;

  constructor(owner: AttemptOwner<Http2>, cluster: Cluster) {
    this.#owner = owner;
    this.#cluster = cluster;
  }

  start(): void {
    const { tried, policy, hashKey, session } = this.#owner;
    const acquisition = this.#cluster.acquireStream(
      { tried, connectTimeoutMs: policy.connectTimeoutMs, hashKey, session },
      this,
    );
    if (this.#slot === undefined && !this.#over) this.#acquisition = acquisition;
  }

  onDialed(connection: CountedConnection, endpoint: Endpoint, mutualTls: boolean): void {
    countDialedConnection(this.#owner, connection, endpoint, mutualTls);
  }

  onSlot(slot: StreamSlot): void {
    this.#acquisition = undefined;
    const { request, sendsNormalPath } = this.#owner;
    this.#slot = slot;
    this.#owner.attemptPicked(slot.endpoint, slot);
    this.#sent = request.endsStream;
    const fields = request.encode(sendsNormalPath);
    slot.said(fieldBytes(fields));
    this.#stream = slot.open(fields, request.endsStream, this);
    this.#owner.attemptConnected(this);
  }

  onError(error: MeshError, endpoint: Endpoint | undefined): void {
    this.#acquisition = undefined;
    if (this.#over) return;
    this.#over = true;
    if (endpoint !== undefined) this.#owner.attemptPicked(endpoint, undefined);
    this.#owner.attemptFailed({ kind: endpoint === undefined ? 'final' : 'connect', error });
  }

  // The request's body, on its way to the server.

  writeBody(bytes: Buffer, last: boolean): boolean {
    if (this.#over || this.#sent) return true;
    this.#sent = last;
    this.#slot?.said(bytes.length);
    return this.#stream?.sendData(bytes, last) ?? true;
  }

  endBody(trailers: readonly HeaderField[] | undefined): void {
    if (this.#over || this.#sent) return;
    this.#sent = true;
    if (trailers === undefined) this.#stream?.sendData(NOTHING, true);
    else this.#stream?.sendHeaders(trailers, true);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#credit();
  }

  abort(outcome: AttemptOutcome): void {
    if (this.#over) return;
    this.#acquisition?.cancel();
    this.#finish(outcome);
  }

  // From the server.

  onHeaders(fields: readonly HeaderField[], endStream: boolean): void {
    if (this.#over) return;
    this.#slot?.heard(fieldBytes(fields));
    if (this.#response !== undefined) {
      this.#onTrailers(fields);
      return;
    }
    const response = new StreamResponse(fields, endStream, this.#owner.request.isGrpc);
    if (response.status >= 200) this.#onResponse(response);
    else if (endStream || ++this.#interims > INTERIM_LIMIT) this.#breakOff();
    else this.#owner.interim(response);
  }

  onData(bytes: Buffer, endStream: boolean): void {
    if (this.#over) return;
    this.#slot?.heard(bytes.length);
    if (endStream) {
      this.#received = true;
      this.#finish('success');
      if (bytes.length > 0) this.#owner.responseBody(bytes, true);
      else this.#owner.responseEnded(undefined);
      return;
    }
    this.#unconsumedBytes += bytes.length;
    this.#owner.responseBody(bytes, false);
    if (!this.#paused) this.#credit();
  }

  onWritable(): void {
    if (!this.#over) this.#owner.attemptWritable();
  }

  onClose(end: StreamEnd): void {
    if (this.#over) return;
    this.#received = true;
    const begun = this.#response !== undefined;
    const reused = this.#slot?.reused === true;
    // Servers that keep account of what a connection costs them, as those of Node, answer
    // nothing more on one that was used for long: another one they serve.
    const wornOut = reused && !begun && isTooMuch(end);
    if (wornOut) this.#slot?.retire();
    this.#finish(wornOut ? 'cancelled' : outcomeOf(end, begun));
    const error = failureOf(end, begun);
    if (begun) this.#owner.attemptFailed({ kind: 'final', error });
    else if (end.kind === 'refused') this.#owner.attemptFailed({ kind: 'refused', error });
    else {
      // Only a connection can be stale, not a stream of it.
      const stale = (end.kind === 'lost' && reused) || wornOut;
      this.#owner.attemptFailed({ kind: 'reset', error, reused: stale });
    }
  }

  #onResponse(response: StreamResponse): void {
    this.#response = response;
    this.#received = response.endsStream;
    // Known now, and a body may take long.
    const fromSidecar = this.#slot?.mutualTls === true;
    const outcome = outcomeOfHead(response, fromSidecar);
    if (outcome === 'success') this.#slot?.responded();
    else this.#report(outcome);
    if (!this.#owner.responseBegan(response, fromSidecar)) {
      this.abort('success');
    } else if (response.endsStream) {
      this.#finish('success');
      this.#owner.responseEnded(undefined);
    }
  }

  #onTrailers(fields: readonly HeaderField[]): void {
    const owner = this.#owner;
    this.#received = true;
    if (owner.request.isGrpc) owner.grpcStatus = grpcStatusIn(fields);
    const { grpcStatus } = owner;
    this.#finish(grpcStatus === undefined ? 'success' : outcomeOfCall(grpcStatus));
    const fromSidecar = owner.context.direction === 'outbound' && this.#slot?.mutualTls === true;
    owner.responseEnded(relayedTrailers(fields, fromSidecar));
  }

  /** The server does not keep to HTTP. */
  #breakOff(): void {
    this.#finish('gateway-error');
    const error = new MeshError(
      'upstream-protocol-error',
      `the application sent over ${INTERIM_LIMIT} responses of the kind 1xx, or ended with one`,
    );
    this.#owner.attemptFailed({ kind: 'final', error });
  }

  #credit(): void {
    const bytes = this.#unconsumedBytes;
    if (bytes === 0 || this.#over) return;
    this.#unconsumedBytes = 0;
    this.#stream?.consumed(bytes);
  }

  #finish(outcome: AttemptOutcome): void {
    if (this.#over) return;
    this.#over = true;
    if (!(this.#sent && this.#received)) this.#stream?.reset(ERROR_CODE.cancel);
    this.#report(outcome);
    this.#slot?.release();
  }

  /** The first report counts. */
  #report(outcome: AttemptOutcome): void {
    if (this.#reported) return;
    this.#reported = true;
    this.#slot?.report(outcome);
  }
}

function isTooMuch(end: StreamEnd): boolean {
  return end.kind === 'reset' && end.code === ERROR_CODE.enhanceYourCalm;
}

/** Whether the endpoint is to blame. */
function outcomeOf(end: StreamEnd, begun: boolean): AttemptOutcome {
  if (end.kind === 'refused') return 'cancelled';
  // Some servers end a response that nobody reads fast enough in this way.
  if (end.kind === 'reset' && end.code === ERROR_CODE.noError && begun) return 'success';
  return 'gateway-error';
}

function failureOf(end: StreamEnd, begun: boolean): MeshError {
  switch (end.kind) {
    case 'refused':
      return new MeshError('upstream-refused', 'the application takes no further requests');
    case 'reset':
      return new StreamReset(end.code, begun);
    default:
      return lostError(end.kind === 'lost' ? end.error : undefined, begun);
  }
}

function lostError(cause: Error | undefined, begun: boolean): MeshError {
  // What came was not HTTP/2: that is no accident of the connection.
  if (cause instanceof MeshError && cause.code.startsWith('http2-')) {
    const sentence = 'the application answered with broken HTTP/2, or with none';
    return new MeshError('upstream-protocol-error', sentence, { cause });
  }
  const when = begun ? 'in the middle of its response' : 'without a response';
  return new MeshError('upstream-reset', `the application closed the connection ${when}`, {
    cause,
  });
}
