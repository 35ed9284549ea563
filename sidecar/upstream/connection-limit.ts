import type { Member } from './member.ts';
import type { SharedConnection } from './shared-connection.ts';

/**
 * How many connections a cluster may have open, idle ones included, and what to
 * do where it is all of them. They are counted when a further one is wanted, which
 * costs little beside opening it. A connection of HTTP/2 is one, whatever number of
 * streams it carries.
 */
export class ConnectionLimit {
  readonly #members: () => readonly Member[];
  #max = Number.POSITIVE_INFINITY;
  /** More are open than the limit, which was higher once. */
  #exceeded = false;

  constructor(members: () => readonly Member[]) {
    this.#members = members;
  }

  get max(): number {
    return this.#max;
  }

  set max(max: number) {
    this.#max = max;
    while (this.open > max && this.#closeIdle()) {}
    for (let surplus = this.open - max; surplus > 0; surplus--) this.#leastUsed()?.retire();
    this.#exceeded = this.open > max;
  }

  /** Open or being opened. */
  get open(): number {
    let count = 0;
    for (const member of this.#members()) count += member.connections;
    return count;
  }

  get allowsAnother(): boolean {
    return this.#max === Number.POSITIVE_INFINITY || this.open < this.#max;
  }

  /** There is one for whoever needs one: an idle one that may be used or closed, or a further one. */
  get hasAny(): boolean {
    return this.allowsAnother || this.#members().some((member) => member.idleConnections > 0);
  }

  /** Closes idle connections until a further one is allowed; false when that did not do. */
  makeRoom(): boolean {
    while (!this.allowsAnother) if (!this.#closeIdle()) return false;
    return true;
  }

  /** Whether a connection that comes back, and is not counted now, may stay open. */
  get keepsReturned(): boolean {
    if (this.#exceeded) this.#exceeded = this.open >= this.#max;
    return !this.#exceeded;
  }

  /** One of the member that has most of them. */
  #closeIdle(): boolean {
    let from: Member | undefined;
    let most = 0;
    for (const member of this.#members()) {
      const idle = member.idleConnections;
      if (idle <= most) continue;
      from = member;
      most = idle;
    }
    return from?.closeIdle() ?? false;
  }

  /** Of the shared ones; it ends with its last stream, and counts until then. */
  #leastUsed(): SharedConnection | undefined {
    let least: SharedConnection | undefined;
    for (const { startedStreams } of this.#members()) {
      const connection = startedStreams?.leastUsed;
      if (connection === undefined) continue;
      if (least === undefined || connection.slots < least.slots) least = connection;
    }
    return least;
  }
}
