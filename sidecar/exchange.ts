import type { Timer } from '../runtime/clock.ts';
import { MeshError } from '../runtime/errors.ts';
import { Attempt } from './attempt.ts';
import type { Endpoint } from './config/types.ts';
import type { HttpContext } from './http1/context.ts';
import type { Request } from './http1/request.ts';
import type { Response } from './http1/response.ts';
import { DEFAULT_POLICY } from './policy/defaults.ts';
import type { EffectivePolicy } from './policy/effective.ts';
import { REFUSAL_LAYERS } from './policy/inbound.ts';
import { type AttemptFailure, IDEMPOTENT_METHODS } from './policy/layer.ts';
import { ERROR_HEADER, statusOf } from './policy/respond.ts';
import { RequestBody } from './request-body.ts';
import type { HttpTarget, Route } from './route/route.ts';
import { type Party, UNKNOWN_PARTY } from './telemetry/types.ts';
import type { Peer, Transport } from './transport.ts';
import type { AttemptOutcome } from './upstream/types.ts';

/** What the sidecar of an application that does not answer says (`policy/respond.ts`). */
const UNREACHED_CODE = 'connect-failed';
const UNREACHED_STATUS = 503;

/** The one way in which an exchange ends. */
export type Outcome =
  /** The response was passed on whole. */
  | { readonly kind: 'completed' }
  /** Remora answered by itself. */
  | { readonly kind: 'refused'; readonly error: MeshError }
  /** The response had begun and could not be finished: the client's connection is cut. */
  | { readonly kind: 'cut'; readonly error: MeshError }
  /** The client went away. */
  | { readonly kind: 'abandoned' };

/** The client's side of an exchange, as its codec offers it. */
export interface Downstream {
  readonly peer: Peer;
  /** From now on, how long nothing may happen. 0 means no limit. */
  limitIdle(limitMs: number): void;
  writeInterim(response: Response): void;
  /** @param keepTrust relay `x-remora-*` */
  writeResponse(response: Response, keepTrust: boolean): void;
  writeError(error: MeshError): void;
  /** False asks to wait for `Exchange.onWritable`. */
  writeBody(bytes: Buffer): boolean;
  endBody(trailers: Buffer | undefined): void;
  pauseRequest(): void;
  resumeRequest(): void;
  /** Relays bytes both ways; `onEnd` when both are over. */
  upgrade(
    response: Response,
    upstream: Transport,
    rest: Buffer | undefined,
    onEnd: () => void,
  ): void;
  /** Ends the connection so that the client cannot take the response for whole. */
  cut(error: MeshError): void;
  /** The exchange is over, whatever became of it. */
  exchangeEnded(): void;
}

/**
 * One request and its response on their way through: resolves, picks a route,
 * makes attempts, and ends in exactly one {@link Outcome}.
 */
export class Exchange {
  readonly context: HttpContext;
  readonly request: Request;
  readonly startedMs: number;
  outcome: Outcome | undefined;
  /** What the client got; 0 when it got no response. */
  status = 0;
  requestBytes = 0;
  responseBytes = 0;
  destination: Party = UNKNOWN_PARTY;
  mutualTls: boolean;
  attempts = 0;

  // Kept here for the layers.
  requestTimer: Timer | undefined;
  attemptTimer: Timer | undefined;
  retries = 0;
  connectRetries = 0;
  replayed = false;
  /** Fields for the request, each ended by CRLF. */
  extraLines = '';
  /** What balancers that go by a hash shall go by. */
  hashKey: string | undefined;
  /** A Set-Cookie for the response; empty where none is wanted. */
  newCookie = '';

  readonly #downstream: Downstream;
  readonly #body: RequestBody;
  #target: HttpTarget | undefined;
  #route: Route | undefined;
  #layers = REFUSAL_LAYERS;
  #attempt: Attempt | undefined;
  #tried: Endpoint[] = [];
  #responseBegun = false;
  #continueSent = false;
  #pauseTimer: Timer | undefined;
  #stopWaiting: (() => void) | undefined;

  constructor(context: HttpContext, request: Request, downstream: Downstream) {
    this.context = context;
    this.request = request;
    this.startedMs = context.clock.monotonicMs();
    this.mutualTls = context.mutualTls;
    this.#downstream = downstream;
    this.#body = new RequestBody(downstream);
  }

  get policy(): EffectivePolicy {
    return this.#route?.policy ?? DEFAULT_POLICY;
  }

  get peer(): Peer {
    return this.#downstream.peer;
  }

  get service(): string {
    return this.#target?.service ?? '';
  }

  get routeName(): string {
    return this.#route?.name ?? '';
  }

  get errorCode(): string {
    const { outcome } = this;
    return outcome?.kind === 'refused' || outcome?.kind === 'cut' ? outcome.error.code : '';
  }

  /** The client was told to send its body. */
  get continueSent(): boolean {
    return this.#continueSent;
  }

  get tried(): readonly Endpoint[] {
    return this.#tried;
  }

  get hasUntriedEndpoint(): boolean {
    return this.#route?.cluster.hasUntried(this.#tried) === true;
  }

  begin(): void {
    const target = this.context.resolve(this.request);
    if (target instanceof MeshError) {
      this.fail(target);
    } else if ('wait' in target) {
      this.#stopWaiting = target.wait(() => {
        this.#stopWaiting = undefined;
        if (this.outcome === undefined) this.begin();
      });
    } else {
      this.#proceed(target);
    }
  }

  #proceed(target: HttpTarget): void {
    this.#target = target;
    this.destination = target.destination;
    const route = target.routes.select(this.request);
    if (route instanceof MeshError) {
      this.fail(route);
      return;
    }
    this.#route = route;
    this.#layers = route.layers;
    this.#downstream.limitIdle(route.policy.idleTimeoutMs);
    this.#body.keep =
      route.policy.retries !== undefined ||
      route.policy.connectRetries > 0 ||
      IDEMPOTENT_METHODS.has(this.request.method);
    for (const layer of this.#layers) {
      const refusal = layer.onRequest?.(this);
      if (refusal !== undefined) {
        this.fail(refusal);
        return;
      }
    }
    this.#startAttempt(route);
  }

  #startAttempt(route: Route): void {
    this.attempts += 1;
    for (const layer of this.#layers) layer.onAttempt?.(this);
    const attempt = new Attempt(this, route.cluster);
    this.#attempt = attempt;
    attempt.start();
  }

  /** The head as an attempt sends it. */
  encodeRequest(): Buffer {
    const usePath = this.#target?.routes.decidesByPath === true;
    return this.request.encode(usePath, this.#target?.authority ?? '', this.extraLines);
  }

  // From the client.

  onBody(bytes: Buffer): void {
    if (this.outcome === undefined) this.#body.add(bytes);
  }

  onBodyEnd(trailers: Buffer | undefined): void {
    if (this.outcome === undefined) this.#body.end(trailers);
  }

  /** The client takes more of the response. */
  onWritable(): void {
    this.#attempt?.resume();
  }

  abandon(): void {
    this.#end({ kind: 'abandoned' }, 'cancelled');
  }

  /** Ends the exchange because the client broke the rules; no endpoint is to blame. */
  refuse(error: MeshError): void {
    this.#fail(error, 'cancelled');
  }

  /** Ends the exchange with an error, whatever state it is in. */
  fail(error: MeshError): void {
    this.#fail(error, 'error');
  }

  #fail(error: MeshError, ofAttempt: AttemptOutcome): void {
    if (this.outcome !== undefined) return;
    if (this.#responseBegun) {
      this.#end({ kind: 'cut', error }, ofAttempt);
      return;
    }
    this.status = statusOf(error);
    this.#downstream.writeError(error);
    this.#end({ kind: 'refused', error }, ofAttempt);
  }

  // From the attempt under way.

  attemptPicked(endpoint: Endpoint, mutualTls: boolean | undefined): void {
    this.#tried.push(endpoint);
    if (this.context.direction === 'inbound') return;
    this.destination = endpoint.workload;
    this.mutualTls = mutualTls === true;
  }

  attemptConnected(attempt: Attempt): void {
    this.#body.sendTo(attempt);
  }

  attemptWritable(): void {
    this.#downstream.resumeRequest();
  }

  attemptTimedOut(error: MeshError): void {
    const attempt = this.#attempt;
    if (attempt === undefined || this.#responseBegun) return;
    attempt.abort('error');
    this.attemptFailed({ kind: 'timeout', error });
  }

  attemptFailed(failure: Exclude<AttemptFailure, { kind: 'status' }>): void {
    for (const layer of this.#layers) layer.onAttemptEnd?.(this);
    if (this.#responseBegun || !this.#retried(failure)) this.fail(failure.error);
  }

  /** True: the response is passed on. False: it is to be thrown away. */
  responseBegan(response: Response, mutualTls: boolean): boolean {
    for (const layer of this.#layers) layer.onAttemptEnd?.(this);
    if (this.#retried(failureOf(response, mutualTls))) return false;
    this.#responseBegun = true;
    this.#body.forget();
    this.status = response.status;
    for (const layer of this.#layers) layer.onResponse?.(this, response);
    // What an application says in our name is dropped; what its sidecar says is not.
    const fromSidecar = this.context.direction === 'outbound' && mutualTls;
    this.#downstream.writeResponse(response, fromSidecar);
    return true;
  }

  interim(response: Response): void {
    if (response.status === 100) {
      if (!this.request.expectsContinue || this.#continueSent) return;
      this.#continueSent = true;
    }
    if (this.request.minorVersion === 1) this.#downstream.writeInterim(response);
  }

  responseBody(bytes: Buffer): void {
    if (!this.#downstream.writeBody(bytes)) this.#attempt?.pause();
  }

  responseEnded(trailers: Buffer | undefined): void {
    this.#downstream.endBody(trailers);
    this.#end({ kind: 'completed' }, 'success');
  }

  upgraded(response: Response, upstream: Transport, rest: Buffer | undefined): void {
    this.#responseBegun = true;
    this.status = response.status;
    for (const layer of this.#layers) layer.onAttemptEnd?.(this);
    for (const layer of this.#layers) layer.onUpgraded?.(this);
    this.#downstream.upgrade(response, upstream, rest, () =>
      this.#end({ kind: 'completed' }, 'success'),
    );
  }

  #retried(failure: AttemptFailure): boolean {
    if (!this.#body.replayable || this.outcome !== undefined) return false;
    const pauseMs = this.#askLayers(failure);
    if (pauseMs === undefined) return false;
    const reason = failure.kind === 'status' ? String(failure.status) : failure.error.code;
    this.context.observer.retried(this.service, reason);
    this.#attempt = undefined;
    this.#body.detach();
    this.#pauseTimer = this.context.clock.setTimeout(() => {
      this.#pauseTimer = undefined;
      if (this.#route !== undefined) this.#startAttempt(this.#route);
    }, pauseMs);
    return true;
  }

  #askLayers(failure: AttemptFailure): number | undefined {
    for (const layer of this.#layers) {
      const pauseMs = layer.onAttemptFailed?.(this, failure);
      if (pauseMs !== undefined) return pauseMs;
    }
    return undefined;
  }

  #end(outcome: Outcome, ofAttempt: AttemptOutcome): void {
    if (this.outcome !== undefined) return;
    this.outcome = outcome;
    this.#stopWaiting?.();
    this.#pauseTimer?.cancel();
    this.#attempt?.abort(ofAttempt);
    this.#body.forget();
    for (const layer of this.#layers) layer.onAttemptEnd?.(this);
    for (const layer of this.#layers) layer.onEnd?.(this);
    if (outcome.kind === 'cut') this.#downstream.cut(outcome.error);
    this.#downstream.exchangeEnded();
  }
}

/**
 * A sidecar that could not reach its application says so under a name that no
 * application can use; that is as if there had been no connection.
 */
function failureOf(response: Response, mutualTls: boolean): AttemptFailure {
  if (mutualTls && response.status === UNREACHED_STATUS) {
    const code = response.header(ERROR_HEADER);
    if (code === UNREACHED_CODE) {
      const sentence = 'the sidecar of the endpoint did not reach its application';
      return { kind: 'connect', error: new MeshError(code, sentence), status: response.status };
    }
  }
  return { kind: 'status', status: response.status };
}
