import type { Timer } from '../runtime/clock.ts';
import { MeshError } from '../runtime/errors.ts';
import type { Endpoint } from './config/types.ts';
import type { HttpContext } from './context.ts';
import type { Attempt, AttemptOwner, Downstream } from './downstream.ts';
import type { HttpVersion } from './message.ts';
import { failureOf, isServerFailure } from './policy/attempt-failure.ts';
import { attemptTimeoutError } from './policy/attempt-timeout.ts';
import type { EffectivePolicy } from './policy/effective.ts';
import type { AttemptFailure } from './policy/layer.ts';
import type { BodyTarget, RequestBody } from './request-body.ts';
import type { HedgeOutcome } from './telemetry/types.ts';
import type { AttemptOutcome, Cluster, Reached } from './upstream/types.ts';

/** What a hedge needs of its exchange, besides what any attempt does. */
export interface HedgeOwner<V extends HttpVersion> extends AttemptOwner<V> {
  readonly tried: Endpoint[];
  /** The hedge answered first: the other attempt ends, and the hedge takes its place. */
  hedgeWon(): void;
  /** The other attempt goes on as if there had been none. */
  hedgeFailed(): void;
  /** Who answers, from now on. */
  attemptReached(endpoint: Endpoint, reached: Reached | undefined): void;
}

/**
 * A second attempt beside the first. Stands between it and the exchange until one of
 * them is left: when the first fails or the hedge answers before it, the hedge becomes
 * the exchange's attempt, and passes on everything.
 */
export class Hedge<V extends HttpVersion> implements Attempt, AttemptOwner<V> {
  readonly #exchange: HedgeOwner<V>;
  readonly #attempt: Attempt;
  readonly #body: RequestBody<V['trailers']>;
  #timer: Timer | undefined;
  #endpoint: Endpoint | undefined;
  #reached: Reached | undefined;
  /** The first attempt is over. */
  #alone = false;
  #counted = false;

  /** @param body whole, and at hand */
  constructor(
    exchange: HedgeOwner<V>,
    downstream: Downstream<V>,
    cluster: Cluster,
    body: RequestBody<V['trailers']>,
  ) {
    this.#exchange = exchange;
    this.#body = body;
    this.#attempt = downstream.attempt(this, cluster);
  }

  /** From now on it is the exchange's attempt. */
  takeOver(): void {
    this.#alone = true;
    if (this.#endpoint !== undefined) {
      this.#exchange.attemptReached(this.#endpoint, this.#reached);
    }
  }

  // As an attempt.

  start(): void {
    const { perTryTimeoutMs } = this.policy;
    if (perTryTimeoutMs > 0) {
      this.#timer = this.context.clock.setTimeout(() => {
        this.#attempt.abort('gateway-error');
        this.attemptFailed({ kind: 'timeout', error: attemptTimeoutError(perTryTimeoutMs) });
      }, perTryTimeoutMs);
    }
    this.#attempt.start();
  }

  pause(): void {
    this.#attempt.pause();
  }

  resume(): void {
    this.#attempt.resume();
  }

  abort(outcome: AttemptOutcome): void {
    this.#over(this.#alone ? 'failed' : 'lost');
    this.#attempt.abort(outcome);
  }

  // As the owner of its attempt.

  get context(): HttpContext {
    return this.#exchange.context;
  }

  get request(): V['request'] {
    return this.#exchange.request;
  }

  get policy(): EffectivePolicy {
    return this.#exchange.policy;
  }

  get service(): string {
    return this.#exchange.service;
  }

  get authority(): string {
    return this.#exchange.authority;
  }

  get sendsNormalPath(): boolean {
    return this.#exchange.sendsNormalPath;
  }

  get tried(): readonly Endpoint[] {
    return this.#exchange.tried;
  }

  get hashKey(): string | undefined {
    return this.#exchange.hashKey;
  }

  get session(): string | undefined {
    return this.#exchange.session;
  }

  get grpcStatus(): number | undefined {
    return this.#exchange.grpcStatus;
  }

  set grpcStatus(status: number | undefined) {
    this.#exchange.grpcStatus = status;
  }

  attemptPicked(endpoint: Endpoint, reached: Reached | undefined): void {
    this.#endpoint = endpoint;
    this.#reached = reached;
    // Further tries avoid it, too.
    this.#exchange.tried.push(endpoint);
    if (this.#alone) this.#exchange.attemptReached(endpoint, reached);
  }

  attemptConnected(attempt: BodyTarget<V['trailers']>): void {
    if (this.#alone) this.#exchange.attemptConnected(attempt);
    else this.#body.sendAlsoTo(attempt);
  }

  attemptWritable(): void {
    if (this.#alone) this.#exchange.attemptWritable();
  }

  attemptFailed(failure: Exclude<AttemptFailure, { kind: 'status' }>): void {
    this.#over('failed');
    if (this.#alone) this.#exchange.attemptFailed(failure);
    else this.#exchange.hedgeFailed();
  }

  interim(response: V['response']): void {
    if (this.#alone) this.#exchange.interim(response);
  }

  responseBegan(response: V['response'], mutualTls: boolean): boolean {
    const failed = isServerFailure(failureOf(response, mutualTls));
    this.#over(failed ? 'failed' : 'won');
    if (!this.#alone) {
      if (failed) {
        this.#exchange.hedgeFailed();
        return false;
      }
      this.#exchange.hedgeWon();
    }
    return this.#exchange.responseBegan(response, mutualTls);
  }

  responseBody(bytes: Buffer, last: boolean): void {
    this.#exchange.responseBody(bytes, last);
  }

  responseEnded(trailers: V['trailers'] | undefined): void {
    this.#exchange.responseEnded(trailers);
  }

  /** Never: requests that ask for it are not hedged. */
  upgraded(): void {
    const sentence = 'the application changed the protocol without being asked';
    this.attemptFailed({
      kind: 'final',
      error: new MeshError('upstream-protocol-error', sentence),
    });
  }

  /** What comes first counts. */
  #over(outcome: HedgeOutcome): void {
    this.#timer?.cancel();
    if (this.#counted) return;
    this.#counted = true;
    this.context.observer.hedged(this.service, outcome);
  }
}
