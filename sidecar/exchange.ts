import type { Timer } from '../runtime/clock.ts';
import { MeshError } from '../runtime/errors.ts';
import type { Answer } from './answer.ts';
import type { Endpoint } from './config/types.ts';
import type { HttpContext } from './context.ts';
import type { Attempt, Downstream } from './downstream.ts';
import { ExchangeNotes, type Outcome } from './exchange-notes.ts';
import { Hedge, type HedgeOwner } from './hedge.ts';
import type { HttpVersion, ResponseMessage } from './message.ts';
import { Mirrors } from './mirrors.ts';
import { Pacing } from './pacing.ts';
import { failureOf, isServerFailure, reasonOf } from './policy/attempt-failure.ts';
import { refusalLayers } from './policy/inbound.ts';
import { type AttemptFailure, HELD, IDEMPOTENT_METHODS, type Layer } from './policy/layer.ts';
import { ERROR_HEADER, grpcStatusOf } from './policy/respond.ts';
import { type BodySource, type BodyTarget, RequestBody } from './request-body.ts';
import type { HttpTarget, Route } from './route/route.ts';
import type { Peer } from './transport.ts';
import type { AttemptOutcome, Reached } from './upstream/types.ts';

/**
 * One request and its response on their way through: resolves, picks a route,
 * makes attempts, and ends in exactly one {@link Outcome}.
 */
export class Exchange<V extends HttpVersion = HttpVersion>
  extends ExchangeNotes
  implements HedgeOwner<V>
{
  readonly request: V['request'];
  readonly startedMs: number;
  pacing: Pacing<V['trailers']> | undefined;

  readonly #downstream: Downstream<V>;
  /** Keeps the request's body for the attempts. */
  #body: RequestBody<V['trailers']>;
  /** What comes of it goes in there, */
  #intake: Pick<RequestBody<V['trailers']>, 'add' | 'end'>;
  /** and who sends it is told there to wait. */
  #source: BodySource;
  /** The layer to go on with, of a request that is held; 0 of any other. */
  #heldBefore = 0;
  #layers: readonly Layer[];
  #attempt: Attempt | undefined;
  /** Beside the attempt, until one of them is left. */
  #hedge: Hedge<V> | undefined;
  #responseBegun = false;
  /** Copies of the request. */
  #mirrors: Mirrors<V> | undefined;
  #pauseTimer: Timer | undefined;
  #stopWaiting: (() => void) | undefined;

  constructor(context: HttpContext, request: V['request'], downstream: Downstream<V>) {
    super(context);
    this.request = request;
    this.startedMs = context.clock.monotonicMs();
    this.#layers = refusalLayers(context.accessLog !== undefined);
    this.#downstream = downstream;
    this.#source = downstream;
    this.#body = new RequestBody(downstream);
    this.#intake = this.#body;
  }

  get peer(): Peer {
    return this.#downstream.peer;
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
    this.target = target;
    this.destination = target.destination;
    const route = target.routes.select(this.request);
    if (route instanceof MeshError) {
      this.fail(route);
      return;
    }
    this.route = route;
    this.#layers = route.layers;
    this.#downstream.limitIdle(route.policy.idleTimeoutMs);
    this.#body.keep =
      route.policy.retries !== undefined ||
      route.policy.hedging !== undefined ||
      route.policy.connectRetries > 0 ||
      // A stream that was refused is sent again, whatever its method.
      this.request.version === 2 ||
      IDEMPOTENT_METHODS.has(this.request.method);
    this.#ask(route, 0);
  }

  /** A layer that held the request lets it go on. */
  proceed(): void {
    const next = this.#heldBefore;
    const route = this.route;
    if (next === 0 || route === undefined || this.outcome !== undefined) return;
    this.#heldBefore = 0;
    this.#ask(route, next);
  }

  /** Asks the layers, from the given one on, whether the request may go on. */
  #ask(route: Route, from: number): void {
    const layers = route.layers;
    for (let i = from; i < layers.length; i++) {
      const ended = layers[i]?.onRequest?.(this);
      if (ended === undefined) continue;
      if (ended === HELD) this.#heldBefore = i + 1;
      else if (ended instanceof MeshError) this.fail(ended);
      else this.#answer(ended);
      return;
    }
    this.#mirrors?.start(this, this.#body, (context, mirror) => {
      return new Exchange<V>(context, this.request, mirror);
    });
    this.#startAttempt(route);
  }

  /** A copy of the request goes there too, once all layers have seen it. */
  mirror(target: HttpTarget): void {
    this.#mirrors ??= new Mirrors(this.#downstream);
    this.#mirrors.add(target);
  }

  #answer(answer: Answer): void {
    this.status = answer.status;
    this.#changeResponse(answer);
    this.#downstream.writeAnswer(answer);
    this.#end({ kind: 'answered' }, 'cancelled');
  }

  /**
   * From now on both bodies go at that rate. Before an attempt was made; whoever asks
   * for it ends it with the exchange.
   *
   * @param isOver asked again and again: all may go at once
   */
  pace(bytesPerSecond: number, isOver: () => boolean): void {
    const pacing = new Pacing<V['trailers']>({
      ...{ bytesPerSecond, isOver, clock: this.context.clock },
      client: this.#downstream,
      came: this.#body,
      toClient: { add: (bytes, last) => this.#passOn(bytes, last), end: (t) => this.#passEnd(t) },
      server: () => this.#attempt,
    });
    this.pacing = pacing;
    this.#intake = pacing.request;
    this.#source = pacing.source;
    this.#body = pacing.body;
  }

  #startAttempt(route: Route): void {
    this.attempts += 1;
    for (const layer of this.#layers) layer.onAttempt?.(this);
    const attempt = this.#downstream.attempt(this, route.cluster);
    this.#attempt = attempt;
    attempt.start();
  }

  /** The request could be sent to another endpoint beside the one that has it. */
  get canHedge(): boolean {
    return !this.#responseBegun && this.#body.isWholeAndSent && this.hasUntriedEndpoint;
  }

  /** Sends it there. */
  hedge(): void {
    if (this.route === undefined || this.outcome !== undefined) return;
    this.attempts += 1;
    this.#hedge = new Hedge(this, this.#downstream, this.route.cluster, this.#body);
    this.#hedge.start();
  }

  hedgeWon(): void {
    const first = this.#attempt;
    this.#goOnWithHedge();
    first?.abort('outrun');
  }

  hedgeFailed(): void {
    this.#hedge = undefined;
  }

  /** The first attempt is over; false where there is no other. */
  #goOnWithHedge(): boolean {
    const hedge = this.#hedge;
    if (hedge === undefined) return false;
    this.#hedge = undefined;
    // It was the first one's; the hedge has its own.
    this.attemptTimer?.cancel();
    this.#body.detach();
    this.#attempt = hedge;
    hedge.takeOver();
    return true;
  }

  #endHedge(): void {
    const hedge = this.#hedge;
    this.#hedge = undefined;
    hedge?.abort('cancelled');
  }

  // From the client.

  /** @param last the body ends with these bytes, without trailers, and `onBodyEnd` does not follow */
  onBody(bytes: Buffer, last: boolean): void {
    if (this.outcome !== undefined) return;
    this.#intake.add(bytes, last);
    this.#mirrors?.onBody(bytes, last);
  }

  onBodyEnd(trailers: V['trailers'] | undefined): void {
    if (this.outcome !== undefined) return;
    this.#intake.end(trailers);
    this.#mirrors?.onBodyEnd(trailers);
  }

  /** The client takes more of the response. */
  onWritable(): void {
    if (this.pacing !== undefined) this.pacing.response.unblock();
    else this.#attempt?.resume();
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
    this.tried.push(endpoint);
    this.attemptReached(endpoint, reached);
  }

  attemptConnected(attempt: BodyTarget<V['trailers']>): void {
    this.#body.sendTo(attempt);
  }

  attemptWritable(): void {
    this.#source.resumeRequest();
  }

  attemptTimedOut(error: MeshError): void {
    const attempt = this.#attempt;
    if (attempt === undefined || this.#responseBegun) return;
    attempt.abort('gateway-error');
    this.attemptFailed({ kind: 'timeout', error });
  }

  attemptFailed(failure: Exclude<AttemptFailure, { kind: 'status' }>): void {
    if (this.#goOnWithHedge()) return;
    for (const layer of this.#layers) layer.onAttemptEnd?.(this);
    if (this.#responseBegun || !this.#retried(failure)) this.fail(failure.error);
  }

  /** True: the response is passed on. False: it is to be thrown away. */
  responseBegan(response: V['response'], mutualTls: boolean): boolean {
    const failure = failureOf(response, mutualTls);
    if (this.#hedge !== undefined) {
      if (isServerFailure(failure) && this.#goOnWithHedge()) return false;
      this.#endHedge();
    }
    for (const layer of this.#layers) layer.onAttemptEnd?.(this);
    if (this.#retried(failure)) return false;
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
      if (!this.request.expectsContinue || this.continueSent) return;
      this.continueSent = true;
    }
    this.#downstream.writeInterim(response);
  }

  /** @param last the response ends with these bytes, without trailers, and `responseEnded` does not follow */
  responseBody(bytes: Buffer, last: boolean): void {
    if (this.pacing !== undefined) this.pacing.response.add(bytes, last);
    else if (!this.#passOn(bytes, last)) this.#attempt?.pause();
  }

  responseEnded(trailers: V['trailers'] | undefined): void {
    if (this.pacing !== undefined) this.pacing.response.end(trailers);
    else this.#passEnd(trailers);
  }

  /** False: the client takes no more for the moment. */
  #passOn(bytes: Buffer, last: boolean): boolean {
    const writable = this.#downstream.writeBody(bytes, last);
    if (last) this.#end({ kind: 'completed' }, 'success');
    return writable;
  }

  #passEnd(trailers: V['trailers'] | undefined): void {
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
    const layers = this.route?.responseLayers;
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
      if (this.route !== undefined) this.#startAttempt(this.route);
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
    this.#endHedge();
    this.#attempt?.abort(ofAttempt);
    this.#body.forget();
    this.#mirrors?.originalEnded();
    for (const layer of this.#layers) layer.onAttemptEnd?.(this);
    for (const layer of this.#layers) layer.onEnd?.(this);
    if (outcome.kind === 'cut') this.#downstream.cut(outcome.error);
    this.#downstream.exchangeEnded();
  }
}
