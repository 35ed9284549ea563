import type { MeshError } from '../runtime/errors.ts';
import type { Answer } from './answer.ts';
import type { Endpoint } from './config/types.ts';
import type { HttpContext } from './context.ts';
import type { HttpVersion } from './message.ts';
import type { EffectivePolicy } from './policy/effective.ts';
import type { AttemptFailure } from './policy/layer.ts';
import type { BodyTarget } from './request-body.ts';
import type { Peer } from './transport.ts';
import type { AttemptOutcome, Cluster, Reached } from './upstream/types.ts';

/** The client's side of an exchange, as the server of its version offers it. */
export interface Downstream<V extends HttpVersion> {
  readonly peer: Peer;
  /** From now on, how long nothing may happen. 0 means no limit. */
  limitIdle(limitMs: number): void;
  /** One sending of the request, in the version in which it came. */
  attempt(owner: AttemptOwner<V>, cluster: Cluster): Attempt;
  writeInterim(response: V['response']): void;
  /** @param keepTrust relay `x-remora-*` */
  writeResponse(response: V['response'], keepTrust: boolean): void;
  writeAnswer(answer: Answer): void;
  /** @returns the status that the client gets */
  writeError(error: MeshError): number;
  /**
   * False asks to wait for `Exchange.onWritable`.
   *
   * @param last the body ends with these bytes, without trailers, and `endBody` does not follow
   */
  writeBody(bytes: Buffer, last: boolean): boolean;
  endBody(trailers: V['trailers'] | undefined): void;
  pauseRequest(): void;
  resumeRequest(): void;
  /** Ends the response so that the client cannot take it for whole. */
  cut(error: MeshError): void;
  /** The exchange is over, whatever became of it. */
  exchangeEnded(): void;
}

/** Whose request an attempt sends: the exchange, or what stands between them. */
export interface AttemptOwner<V extends HttpVersion> {
  readonly context: HttpContext;
  readonly request: V['request'];
  readonly policy: EffectivePolicy;
  readonly service: string;
  readonly authority: string;
  readonly sendsNormalPath: boolean;
  readonly tried: readonly Endpoint[];
  readonly hashKey: string | undefined;
  readonly session: string | undefined;
  grpcStatus: number | undefined;
  /** @param reached undefined when it was not */
  attemptPicked(endpoint: Endpoint, reached: Reached | undefined): void;
  attemptConnected(attempt: BodyTarget<V['trailers']>): void;
  /** It takes more of the request's body. */
  attemptWritable(): void;
  attemptFailed(failure: Exclude<AttemptFailure, { kind: 'status' }>): void;
  interim(response: V['response']): void;
  /** True: the response is passed on. False: it is to be thrown away. */
  responseBegan(response: V['response'], mutualTls: boolean): boolean;
  /** @param last the response ends with these bytes, without trailers, and `responseEnded` does not follow */
  responseBody(bytes: Buffer, last: boolean): void;
  responseEnded(trailers: V['trailers'] | undefined): void;
  /** The connection speaks another protocol from now on; `responseEnded` does not follow. */
  upgraded(response: V['response']): void;
}

/**
 * One sending of a request to one endpoint. It reports to the cluster exactly
 * once, and tells the exchange what becomes of it.
 */
export interface Attempt {
  start(): void;
  /** The client takes no more of the response for the moment. */
  pause(): void;
  resume(): void;
  /** Nobody waits for this attempt any more. */
  abort(outcome: AttemptOutcome): void;
}
