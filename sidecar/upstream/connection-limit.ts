import type { Member } from './member.ts';

/**
 * How many connections a cluster may have open, idle ones included, and what to
 * do where it is all of them. They are counted when a further one is wanted, which
 * costs little beside opening it.
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

  /** A request could have one, if not of every member: an idle one, or a further one. */
  get hasAny(): boolean {
    return this.allowsAnother || this.#members().some((member) => member.pool.size > 0);
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

  /** The oldest of the member that has most of them. */
  #closeIdle(): boolean {
    let most: Member | undefined;
    for (const member of this.#members()) {
      if (member.pool.size > (most?.pool.size ?? 0)) most = member;
    }
    return most?.pool.dropOldest() ?? false;
  }
}
