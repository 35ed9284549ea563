import type { MeshError } from '../runtime/errors.ts';
import type { Answer } from './answer.ts';
import type { Exchange } from './exchange.ts';
import type { HttpVersion } from './message.ts';
import type { Peer } from './transport.ts';
import type { AttemptOutcome, Cluster } from './upstream/types.ts';

/** The client's side of an exchange, as the server of its version offers it. */
export interface Downstream<V extends HttpVersion> {
  readonly peer: Peer;
  /** From now on, how long nothing may happen. 0 means no limit. */
  limitIdle(limitMs: number): void;
  /** One sending of the request, in the version in which it came. */
  attempt(exchange: Exchange<V>, cluster: Cluster): Attempt;
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
