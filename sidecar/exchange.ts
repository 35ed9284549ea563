import type { Timer } from '../runtime/clock.ts';
import { MeshError } from '../runtime/errors.ts';
import type { Answer } from './answer.ts';
import type { Endpoint } from './config/types.ts';
import type { HttpContext } from './context.ts';
import type { Attempt, Downstream } from './downstream.ts';
import type { HttpVersion, ResponseMessage } from './message.ts';
import { Mirror } from './mirror.ts';
import { failureOf, reasonOf } from './policy/attempt-failure.ts';
import { DEFAULT_POLICY } from './policy/defaults.ts';
import type { EffectivePolicy } from './policy/effective.ts';
import { refusalLayers } from './policy/inbound.ts';
import { type AttemptFailure, IDEMPOTENT_METHODS, type Layer } from './policy/layer.ts';
import { ERROR_HEADER, grpcStatusOf } from './policy/respond.ts';
import { type BodyTarget, RequestBody } from './request-body.ts';
import type { HttpTarget, Route } from './route/route.ts';
import { type Party, UNKNOWN_PARTY } from './telemetry/types.ts';
import type { Peer } from './transport.ts';
import type { AttemptOutcome, Reached } from './upstream/types.ts';

/** The one way in which an exchange ends. */
export type Outcome =
  /** The response was passed on whole. */
  | { readonly kind: 'completed' }
  /** A rule answered, in the place of any application. */
  | { readonly kind: 'answered' }
  /** Remora answered by itself. */
  | { readonly kind: 'refused'; readonly error: MeshError }
  /** The response had begun and could not be finished: the client's connection is cut. */
  | { readonly kind: 'cut'; readonly error: MeshError }
  /** The client went away. */
  | { readonly kind: 'abandoned' };

/**
 * One request and its response on their way through: resolves, picks a route,
 * makes attempts, and ends in exactly one {@link Outcome}.
 */
export class Exchange<V extends HttpVersion = HttpVersion> {
  readonly context: HttpContext;
  readonly request: V['request'];
  readonly startedMs: number;
  outcome: Outcome | undefined;
  /** What the client got; 0 when it got no response. */
  status = 0;
  /** The outcome of a gRPC call, once it is known. */
  grpcStatus: number | undefined;
  requestBytes = 0;
  responseBytes = 0;
  destination: Party = UNKNOWN_PARTY;
  mutualTls: boolean;
  attempts = 0;
  /** Of the last attempt. */
  upstream: Reached | undefined;
  /** With which code the other sidecar ended the request, where it did. */
  peerErrorCode = '';

  // Kept here for the layers.
  requestTimer: Timer | undefined;
  attemptTimer: Timer | undefined;
  retries = 0;
  connectRetries = 0;
  replayed = false;
  /** What balancers that go by a hash shall go by. */
  hashKey: string | undefined;
  /** The endpoint that the client has been with, as it was told. */
  session: string | undefined;
  /** A Set-Cookie for the response; empty where none is wanted. */
  newCookie = '';
  traceId = '';
  /** When the attempt before was over; of the last one, when its response began. */
  attemptEndedMs = 0;

  readonly #downstream: Downstream<V>;
  readonly #body: RequestBody<V['trailers']>;
  #target: HttpTarget | undefined;
  #route: Route | undefined;
  #layers: readonly Layer[];
  #attempt: Attempt | undefined;
  #tried: Endpoint[] = [];
  #responseBegun = false;
  #continueSent = false;
  /** Where copies of the request go, and the ways there. */
  #mirrorTargets: HttpTarget[] | undefined;
  #mirrors: Mirror<V>[] | undefined;
  #pauseTimer: Timer | undefined;
  #stopWaiting: (() => void) | undefined;

  constructor(context: HttpContext, request: V['request'], downstream: Downstream<V>) {
    this.context = context;
    this.request = request;
    this.startedMs = context.clock.monotonicMs();
    this.mutualTls = context.mutualTls;
    this.#layers = refusalLayers(context.accessLog !== undefined);
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

  /** Becomes the Host of a request that came without one. */
  get authority(): string {
    return this.#target?.authority ?? '';
  }

  /** A rule decided by the path: it goes on as it was decided upon. */
  get sendsNormalPath(): boolean {
    return this.#target?.routes.decidesByPath === true;
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
      // A stream that was refused is sent again, whatever its method.
      this.request.version === 2 ||
      IDEMPOTENT_METHODS.has(this.request.method);
    for (const layer of this.#layers) {
      const ended = layer.onRequest?.(this);
      if (ended === undefined) continue;
      if (ended instanceof MeshError) this.fail(ended);
      else this.#answer(ended);
      return;
    }
    if (this.#mirrorTargets !== undefined)
      this.#mirrors = this.#mirrorTargets.map((at) => this.#startMirror(at));
    this.#startAttempt(route);
  }

  /** A copy of the request goes there too, once all layers have seen it. */
  mirror(target: HttpTarget): void {
    this.#mirrorTargets ??= [];
    this.#mirrorTargets.push(target);
  }

  #startMirror(target: HttpTarget): Mirror<V> {
    const routes = { ...target.routes, decidesByPath: this.sendsNormalPath };
    const own: HttpTarget = { ...target, routes };
    const mirror = new Mirror<V>(this.#downstream);
    const context = { ...this.context, resolve: () => own };
    mirror.begin(new Exchange<V>(context, this.request, mirror));
    this.#body.copyTo(mirror);
    return mirror;
  }

  #answer(answer: Answer): void {
    this.status = answer.status;
    this.#changeResponse(answer);
    this.#downstream.writeAnswer(answer);
    this.#end({ kind: 'answered' }, 'cancelled');
  }

  #startAttempt(route: Route): void {
    this.attempts += 1;
    for (const layer of this.#layers) layer.onAttempt?.(this);
    const attempt = this.#downstream.attempt(this, route.cluster);
    this.#attempt = attempt;
    attempt.start();
  }

  // From the client.

  /** @param last the body ends with these bytes, without trailers, and `onBodyEnd` does not follow */
  onBody(bytes: Buffer, last: boolean): void {
    if (this.outcome !== undefined) return;
    this.#body.add(bytes, last);
    if (this.#mirrors === undefined) return;
    for (const mirror of this.#mirrors) mirror.onBody(bytes, last);
  }

  onBodyEnd(trailers: V['trailers'] | undefined): void {
    if (this.outcome !== undefined) return;
    this.#body.end(trailers);
    if (this.#mirrors === undefined) return;
    for (const mirror of this.#mirrors) mirror.onBodyEnd(trailers);
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
    this.#fail(error, 'gateway-error');
  }

  #fail(error: MeshError, ofAttempt: AttemptOutcome): void {
    if (this.outcome !== undefined) return;
    if (this.request.isGrpc) this.grpcStatus = grpcStatusOf(error);
    if (this.#responseBegun) {
      this.#end({ kind: 'cut', error }, ofAttempt);
      return;
    }
    this.status = this.#downstream.writeError(error);
    this.#end({ kind: 'refused', error }, ofAttempt);
  }

  // From the attempt under way.

  /** @param reached undefined when it was not */
  attemptPicked(endpoint: Endpoint, reached: Reached | undefined): void {
    this.#tried.push(endpoint);
    this.upstream = reached;
    if (this.context.direction === 'inbound') return;
    this.destination = endpoint.workload;
    this.mutualTls = reached?.mutualTls === true;
  }

  attemptConnected(attempt: BodyTarget<V['trailers']>): void {
    this.#body.sendTo(attempt);
  }

  attemptWritable(): void {
    this.#downstream.resumeRequest();
  }

  attemptTimedOut(error: MeshError): void {
    const attempt = this.#attempt;
    if (attempt === undefined || this.#responseBegun) return;
    attempt.abort('gateway-error');
    this.attemptFailed({ kind: 'timeout', error });
  }

  attemptFailed(failure: Exclude<AttemptFailure, { kind: 'status' }>): void {
    for (const layer of this.#layers) layer.onAttemptEnd?.(this);
    if (this.#responseBegun || !this.#retried(failure)) this.fail(failure.error);
  }

  /** True: the response is passed on. False: it is to be thrown away. */
  responseBegan(response: V['response'], mutualTls: boolean): boolean {
    for (const layer of this.#layers) layer.onAttemptEnd?.(this);
    if (this.#retried(failureOf(response, mutualTls))) return false;
    this.#responseBegun = true;
    this.#body.forget();
    this.status = response.status;
    this.grpcStatus = response.grpcStatus;
    this.#changeResponse(response);
    // What an application says in our name is dropped; what its sidecar says is not.
    const fromSidecar = this.context.direction === 'outbound' && mutualTls;
    if (fromSidecar && response.status >= 400) {
      this.peerErrorCode = response.header(ERROR_HEADER) ?? '';
    }
    this.#downstream.writeResponse(response, fromSidecar);
    return true;
  }

  interim(response: V['response']): void {
    if (response.status === 100) {
      if (!this.request.expectsContinue || this.#continueSent) return;
      this.#continueSent = true;
    }
    this.#downstream.writeInterim(response);
  }

  /** @param last the response ends with these bytes, without trailers, and `responseEnded` does not follow */
  responseBody(bytes: Buffer, last: boolean): void {
    const writable = this.#downstream.writeBody(bytes, last);
    if (last) this.#end({ kind: 'completed' }, 'success');
    else if (!writable) this.#attempt?.pause();
  }

  responseEnded(trailers: V['trailers'] | undefined): void {
    this.#downstream.endBody(trailers);
    this.#end({ kind: 'completed' }, 'success');
  }

  /** The connection speaks another protocol from now on; `responseEnded` does not follow, but `upgradeEnded`. */
  upgraded(response: V['response']): void {
    this.#responseBegun = true;
    this.status = response.status;
    this.#changeResponse(response);
    for (const layer of this.#layers) layer.onAttemptEnd?.(this);
    for (const layer of this.#layers) layer.onUpgraded?.(this);
  }

  upgradeEnded(): void {
    this.#end({ kind: 'completed' }, 'success');
  }

  #changeResponse(response: ResponseMessage): void {
    const layers = this.#route?.responseLayers;
    if (layers === undefined) return;
    for (const layer of layers) layer.onResponse?.(this, response);
  }

  #retried(failure: AttemptFailure): boolean {
    if (!this.#body.replayable || this.outcome !== undefined) return false;
    const pauseMs = this.#askLayers(failure);
    if (pauseMs === undefined) return false;
    this.context.observer.retried(this.service, reasonOf(failure));
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
    if (this.#mirrors !== undefined) for (const mirror of this.#mirrors) mirror.originalEnded();
    for (const layer of this.#layers) layer.onAttemptEnd?.(this);
    for (const layer of this.#layers) layer.onEnd?.(this);
    if (outcome.kind === 'cut') this.#downstream.cut(outcome.error);
    this.#downstream.exchangeEnded();
  }
}
