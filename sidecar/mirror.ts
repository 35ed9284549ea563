import type { MeshError } from '../runtime/errors.ts';
import type { Attempt, AttemptOwner, Downstream } from './downstream.ts';
import type { Exchange } from './exchange.ts';
import type { HttpVersion } from './message.ts';
import { statusOf } from './policy/respond.ts';
import type { BodySink } from './request-body.ts';
import type { Peer } from './transport.ts';
import type { Cluster } from './upstream/types.ts';

/** A copy whose server takes so much less than the client sends is given up. */
const BACKLOG_LIMIT_BYTES = 1024 * 1024;

/**
 * The copy of a request on its way to another service: an exchange of its own that
 * nobody waits for. What comes back is thrown away, and nothing about it slows the
 * original down.
 */
export class Mirror<V extends HttpVersion> implements Downstream<V>, BodySink<V['trailers']> {
  readonly #original: Downstream<V>;
  #exchange: Exchange<V> | undefined;
  #paused = false;
  #backlogBytes = 0;
  #ended = false;

  /** @param original whose request it is a copy of */
  constructor(original: Downstream<V>) {
    this.#original = original;
  }

  /** @param exchange its own */
  begin(exchange: Exchange<V>): void {
    this.#exchange = exchange;
    exchange.begin();
  }

  onBody(bytes: Buffer, last: boolean): void {
    this.#ended = last;
    const exchange = this.#exchange;
    if (exchange === undefined) return;
    exchange.requestBytes += bytes.length;
    if (this.#paused) {
      this.#backlogBytes += bytes.length;
      if (this.#backlogBytes > BACKLOG_LIMIT_BYTES) exchange.abandon();
    }
    exchange.onBody(bytes, last);
  }

  onBodyEnd(trailers: V['trailers'] | undefined): void {
    this.#ended = true;
    this.#exchange?.onBodyEnd(trailers);
  }

  /** The original is over: of a request that is not whole, the rest never comes. */
  originalEnded(): void {
    if (!this.#ended) this.#exchange?.abandon();
  }

  // From the exchange.

  get peer(): Peer {
    return this.#original.peer;
  }

  attempt(owner: AttemptOwner<V>, cluster: Cluster): Attempt {
    return this.#original.attempt(owner, cluster);
  }

  writeError(error: MeshError): number {
    return statusOf(error);
  }

  writeBody(): boolean {
    return true;
  }

  pauseRequest(): void {
    this.#paused = true;
  }

  resumeRequest(): void {
    this.#paused = false;
    this.#backlogBytes = 0;
  }

  // The original's limits hold; and nobody gets what comes back.

  limitIdle(): void {}
  writeInterim(): void {}
  writeResponse(): void {}
  writeAnswer(): void {}
  endBody(): void {}
  cut(): void {}
  exchangeEnded(): void {}
}
