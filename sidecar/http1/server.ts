import { MeshError } from '../../runtime/errors.ts';
import type { Answer } from '../answer.ts';
import type { HttpConnection, HttpContext } from '../context.ts';
import type { Attempt, AttemptOwner, Downstream } from '../downstream.ts';
import { Exchange } from '../exchange.ts';
import { DEFAULT_POLICY } from '../policy/defaults.ts';
import { statusOf } from '../policy/respond.ts';
import type { Peer, Transport, TransportHandler } from '../transport.ts';
import type { Cluster } from '../upstream/types.ts';
import { Http1Attempt, type UpgradeTarget } from './attempt.ts';
import { BodyReader } from './body.ts';
import type { BodySink } from './chunked.ts';
import { NO_BODY } from './framing.ts';
import { HeadReader } from './head.ts';
import { IdleTimer } from './idle-timer.ts';
import {
  DISCARD_LIMIT_BYTES,
  DRAIN_GRACE_MS,
  HEAD_TIMEOUT_MS,
  LINGER_LIMIT_BYTES,
  LINGER_MS,
  REFUSAL_LINGER_MS,
} from './limits.ts';
import { refuseHead } from './refused-head.ts';
import { parseRequest, type Request } from './request.ts';
import type { Response } from './response.ts';
import { ResponseWriter } from './response-writer.ts';
import type { ServerState } from './server-state.ts';
import { Tunnel } from './tunnel.ts';
import type { Http1 } from './version.ts';

const NOTHING: Buffer = Buffer.alloc(0);

/** The server's side of HTTP/1.1 on one transport: one exchange at a time. */
export class ServerConnection
  implements HttpConnection, TransportHandler, Downstream<Http1>, UpgradeTarget, BodySink
{
  readonly peer: Peer;
  readonly #transport: Transport;
  readonly #context: HttpContext;
  readonly #heads = new HeadReader('request');
  readonly #timer: IdleTimer;
  #state: ServerState = 'head';
  #exchange: Exchange<Http1> | undefined;
  #request: Request | undefined;
  #requestBody = new BodyReader(NO_BODY);
  #response: ResponseWriter | undefined;
  #tunnel: Tunnel | undefined;
  /** What came after the request under way. */
  #pending: Buffer[] = [];
  #headBytes = 0;
  #discardedBytes = 0;
  #reading = false;
  #paused = true;
  #requestPaused = false;
  #halfClosed = false;
  #draining = false;
  #closeAfter = false;
  /** The client has not taken the last response. */
  #clogged = false;

  constructor(transport: Transport, context: HttpContext) {
    this.peer = transport.peer;
    this.#transport = transport;
    this.#context = context;
    this.#timer = new IdleTimer(context.clock, () => this.#onIdle());
  }

  get idleSinceMs(): number | undefined {
    return this.#state === 'head' || this.#state === 'linger' ? this.#timer.sinceMs : undefined;
  }

  start(first: Buffer | undefined): void {
    this.#transport.attach(this);
    this.#timer.set(DEFAULT_POLICY.idleTimeoutMs);
    if (first !== undefined && first.length > 0) this.onData(first);
    this.#updateFlow();
  }

  drain(): void {
    this.#draining = true;
    if (this.#state === 'head' && !this.#heads.started) this.#timer.set(DRAIN_GRACE_MS);
  }

  // From the transport.

  onData(bytes: Buffer): void {
    if (this.#reading || this.#pending.length > 0) this.#pending.push(bytes);
    else this.#read(bytes);
    this.#updateFlow();
  }

  onEnd(): void {
    this.#halfClosed = true;
    if (this.#state === 'body') {
      this.#state = 'gone';
      this.#exchange?.abandon();
      this.#transport.destroy();
    } else if (this.#state === 'head' || this.#state === 'discard') {
      this.#close(LINGER_MS);
    }
    // A client may end its side and still wait for the answer.
  }

  onDrain(): void {
    this.#clogged = false;
    if (this.#response !== undefined) this.#response.clogged = false;
    if (this.#state === 'drain') this.#next();
    else this.#exchange?.onWritable();
  }

  onClose(): void {
    this.#state = 'gone';
    this.#timer.cancel();
    this.#pending = [];
    this.#exchange?.abandon();
  }

  #read(bytes: Buffer): void {
    this.#reading = true;
    try {
      this.#readAll(bytes);
      while (this.#pending.length > 0 && this.#takesBytes()) {
        this.#readAll(this.#pending.shift() as Buffer);
      }
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
      this.#refuse(error);
    } finally {
      this.#reading = false;
    }
    if (this.#halfClosed && this.#state === 'head') this.#close(LINGER_MS);
  }

  #takesBytes(): boolean {
    return this.#state === 'head' || this.#state === 'body' || this.#state === 'discard';
  }

  #readAll(bytes: Buffer): void {
    let i = 0;
    while (i < bytes.length) {
      switch (this.#state) {
        case 'head':
          i = this.#readHead(bytes, i);
          break;
        case 'body':
        case 'discard':
          i = this.#readBody(bytes, i);
          break;
        case 'response':
        case 'drain':
        case 'tunnel':
          this.#pending.unshift(bytes.subarray(i));
          return;
        default:
          this.#discardedBytes += bytes.length - i;
          if (this.#discardedBytes > LINGER_LIMIT_BYTES) this.#transport.destroy();
          return;
      }
    }
  }

  #readHead(bytes: Buffer, from: number): number {
    const begins = !this.#heads.started;
    if (begins) this.#headBytes = 0;
    // Before it is read: what is refused came as well.
    this.#headBytes += bytes.length - from;
    const end = this.#heads.feed(bytes, from);
    if (end < 0) {
      if (begins) this.#timer.set(HEAD_TIMEOUT_MS);
      return bytes.length;
    }
    this.#headBytes -= bytes.length - end;
    const request = parseRequest(this.#heads.head);
    if (request.form === 'authority') {
      this.#connect(request, end < bytes.length ? bytes.subarray(end) : undefined);
      return end;
    }
    this.#request = request;
    this.#requestBody = new BodyReader(request.framing);
    this.#closeAfter = false;
    this.#requestPaused = false;
    this.#state = 'body';
    const exchange = new Exchange<Http1>(this.#context, request, this);
    exchange.requestBytes = this.#headBytes;
    this.#exchange = exchange;
    this.#response = new ResponseWriter(this.#transport, request, exchange);
    this.#timer.set(DEFAULT_POLICY.idleTimeoutMs);
    exchange.begin();
    // Ends a request without a body; reads what came along of any other.
    return this.#takesBytes() ? this.#readBody(bytes, end) : end;
  }

  #readBody(bytes: Buffer, from: number): number {
    this.#timer.touch();
    const exchange = this.#exchange;
    const end = this.#requestBody.read(bytes, from, this);
    if (exchange !== undefined) exchange.requestBytes += end - from;
    if (this.#state === 'discard') {
      this.#discardedBytes += end - from;
      if (this.#discardedBytes > DISCARD_LIMIT_BYTES) this.#close(REFUSAL_LINGER_MS);
    }
    return end;
  }

  onBody(bytes: Buffer): void {
    if (this.#state === 'body') this.#exchange?.onBody(bytes, false);
  }

  onBodyEnd(trailers: Buffer | undefined): void {
    if (this.#state === 'body') {
      this.#state = 'response';
      this.#exchange?.onBodyEnd(trailers);
    } else if (this.#state === 'discard') {
      this.#next();
    }
  }

  #connect(request: Request, rest: Buffer | undefined): void {
    if (this.#context.onConnect === undefined) {
      throw new MeshError('connect-unsupported', 'CONNECT is only taken by the explicit proxy');
    }
    this.#state = 'gone';
    this.#timer.cancel();
    this.#transport.pause();
    this.#context.onConnect(request, this.#transport, rest);
  }

  /** What came is not HTTP as it must be: nothing after it can be trusted. */
  #refuse(error: MeshError): void {
    this.#closeAfter = true;
    if (this.#exchange !== undefined) {
      this.#exchange.refuse(error);
      return;
    }
    if (this.#state === 'head') refuseHead(this.#context, this.#transport, error, this.#headBytes);
    this.#close(REFUSAL_LINGER_MS);
  }

  // From the exchange.

  limitIdle(limitMs: number): void {
    this.#timer.set(limitMs);
  }

  attempt(owner: AttemptOwner<Http1>, cluster: Cluster): Attempt {
    return new Http1Attempt(owner, cluster, this);
  }

  writeInterim(response: Response): void {
    if (this.#request?.minorVersion !== 1) return;
    this.#timer.touch();
    this.#response?.interim(response);
  }

  writeResponse(response: Response, keepTrust: boolean): void {
    this.#timer.touch();
    if (this.#response?.endsWithConnection(response) === true) this.#closeAfter = true;
    this.#response?.head(response, this.#connectionOption(), keepTrust);
  }

  writeAnswer(answer: Answer): void {
    this.#response?.answer(answer, this.#ownConnectionOption());
  }

  writeError(error: MeshError): number {
    this.#response?.error(error, this.#ownConnectionOption());
    return statusOf(error);
  }

  writeBody(bytes: Buffer, last: boolean): boolean {
    this.#timer.touch();
    const writable = this.#response?.body(bytes) ?? true;
    if (last) this.endBody(undefined);
    return writable;
  }

  endBody(trailers: Buffer | undefined): void {
    this.#response?.end(trailers);
  }

  pauseRequest(): void {
    this.#requestPaused = true;
    this.#updateFlow();
  }

  resumeRequest(): void {
    this.#requestPaused = false;
    this.#updateFlow();
  }

  upgrade(response: Response, upstream: Transport, rest: Buffer | undefined): void {
    const exchange = this.#exchange;
    if (exchange === undefined) return;
    this.writeInterim(response);
    this.#state = 'tunnel';
    this.#tunnel = new Tunnel({
      client: this.#transport,
      server: upstream,
      idle: this.#timer,
      count: exchange,
      onEnd: () => exchange.upgradeEnded(),
    });
    this.#tunnel.start(this.#pending, rest);
    this.#pending = [];
  }

  cut(error: MeshError): void {
    if (this.#tunnel !== undefined) this.#tunnel.cut();
    else this.#transport.destroy(error);
    this.#state = 'gone';
  }

  exchangeEnded(): void {
    const canDiscard = this.#canDiscard();
    this.#clogged = this.#response?.clogged === true;
    this.#exchange = undefined;
    this.#response = undefined;
    if (this.#state === 'gone' || this.#state === 'tunnel') {
      this.#timer.cancel();
      return;
    }
    if (this.#state === 'body') {
      if (!canDiscard) this.#closeAfter = true;
      this.#state = 'discard';
      this.#discardedBytes = 0;
      this.#requestPaused = false;
    }
    if (this.#closesAfter()) this.#close(this.#state === 'discard' ? REFUSAL_LINGER_MS : LINGER_MS);
    else if (this.#state === 'response') this.#next();
    else this.#updateFlow();
  }

  /** The rest of a request that is not wanted is short enough, and will come. */
  #canDiscard(): boolean {
    const waits = this.#request?.expectsContinue === true && !this.#exchange?.continueSent;
    return !waits && (this.#requestBody.remainingBytes ?? 0) <= DISCARD_LIMIT_BYTES;
  }

  #next(): void {
    if (this.#clogged) {
      this.#state = 'drain';
      this.#updateFlow();
      return;
    }
    this.#request = undefined;
    this.#state = 'head';
    this.#timer.set(this.#draining ? DRAIN_GRACE_MS : DEFAULT_POLICY.idleTimeoutMs);
    if (!this.#reading) this.#read(this.#pending.shift() ?? NOTHING);
    this.#updateFlow();
  }

  /** With a response of ours: what is still to come of the request is read, or the connection ends. */
  #ownConnectionOption(): string | undefined {
    if (this.#state === 'body' && !this.#canDiscard()) this.#closeAfter = true;
    return this.#connectionOption();
  }

  #connectionOption(): string | undefined {
    if (this.#draining) this.#closeAfter = true;
    if (this.#closesAfter()) return 'close';
    return this.#request?.minorVersion === 0 ? 'keep-alive' : undefined;
  }

  #closesAfter(): boolean {
    return this.#closeAfter || this.#request?.keepAlive !== true;
  }

  #updateFlow(): void {
    const pause = this.#state === 'body' ? this.#requestPaused : this.#pending.length > 0;
    if (pause === this.#paused || this.#state === 'gone' || this.#state === 'tunnel') return;
    this.#paused = pause;
    if (pause) this.#transport.pause();
    else this.#transport.resume();
  }

  /** Ends our side, and gives the client time to read and to end its own. */
  #close(lingerMs: number): void {
    if (this.#state === 'gone') return;
    this.#state = 'linger';
    this.#pending = [];
    this.#transport.end();
    this.#timer.set(lingerMs);
    this.#updateFlow();
  }

  #onIdle(): void {
    if (this.#exchange !== undefined) {
      this.#closeAfter = true;
      this.#exchange.fail(new MeshError('idle-timeout', 'nothing was sent for too long'));
    } else if (this.#state === 'head' && this.#heads.started) {
      this.#refuse(new MeshError('head-timeout', 'the head of the request did not come in time'));
    } else if (this.#state === 'head') {
      this.#close(LINGER_MS);
    } else if (this.#state !== 'gone') {
      this.#transport.destroy();
    }
  }
}
