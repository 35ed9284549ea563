import type { HttpContext } from './context.ts';
import type { Downstream } from './downstream.ts';
import type { Exchange } from './exchange.ts';
import type { HttpVersion } from './message.ts';
import { Mirror } from './mirror.ts';
import type { RequestBody } from './request-body.ts';
import type { HttpTarget } from './route/route.ts';

/** What copies are made of. */
interface Original {
  readonly context: HttpContext;
  readonly sendsNormalPath: boolean;
}

/** The copies of one request. */
export class Mirrors<V extends HttpVersion> {
  readonly #downstream: Downstream<V>;
  readonly #targets: HttpTarget[] = [];
  #mirrors: readonly Mirror<V>[] = [];

  /** @param downstream of the original */
  constructor(downstream: Downstream<V>) {
    this.#downstream = downstream;
  }

  add(target: HttpTarget): void {
    this.#targets.push(target);
  }

  /** @param exchangeFor makes the exchange of a copy */
  start(
    { context, sendsNormalPath }: Original,
    came: RequestBody<V['trailers']>,
    exchangeFor: (context: HttpContext, mirror: Mirror<V>) => Exchange<V>,
  ): void {
    this.#mirrors = this.#targets.map((target) => {
      const routes = { ...target.routes, decidesByPath: sendsNormalPath };
      const own: HttpTarget = { ...target, routes };
      const mirror = new Mirror<V>(this.#downstream);
      mirror.begin(exchangeFor({ ...context, resolve: () => own }, mirror));
      came.copyTo(mirror);
      return mirror;
    });
  }

  onBody(bytes: Buffer, last: boolean): void {
    for (const mirror of this.#mirrors) mirror.onBody(bytes, last);
  }

  onBodyEnd(trailers: V['trailers'] | undefined): void {
    for (const mirror of this.#mirrors) mirror.onBodyEnd(trailers);
  }

  originalEnded(): void {
    for (const mirror of this.#mirrors) mirror.originalEnded();
  }
}
