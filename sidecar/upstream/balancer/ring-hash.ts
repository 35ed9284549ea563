import type { Balancer, Candidate } from './balancer.ts';
import { LeastRequest } from './least-request.ts';
import { Ring } from './ring.ts';

/** No endpoint has more than this many times the mean of what is under way. */
const LOAD_FACTOR = 1.25;
/**
 * So many requests are no load that would part a key from its endpoint: where
 * little is under way, the mean is below one, and two requests of one browser at
 * the same time would already be two endpoints'.
 */
const FREE_IN_FLIGHT = 8;

export interface RingHashOptions {
  readonly random: () => number;
  /** Of the whole cluster: never less than its members have under way. */
  readonly inFlight: () => number;
  /** For requests that come without one. Without this too, they go to the less busy of two. */
  readonly defaultKey: string | undefined;
}

/**
 * Equal keys go to the same endpoint, from every sidecar, as long as it is there
 * and not busier than others. A key whose endpoint is at its bound goes to the
 * next on the ring, and comes back when there is room again.
 *
 * Vahab Mirrokni, Mikkel Thorup, Morteza Zadimoghaddam, "Consistent Hashing with
 * Bounded Loads", SODA 2018 (arXiv:1608.01350).
 */
export class RingHash<T extends Candidate> implements Balancer<T> {
  readonly isSticky = true;
  readonly #options: RingHashOptions;
  readonly #withoutKey: LeastRequest<T>;
  #members: readonly T[] = [];
  #ring = new Ring<T>([]);
  /** The ring follows at the next pick, since endpoints often change several times in a row. */
  #ringIsCurrent = true;

  constructor(options: RingHashOptions) {
    this.#options = options;
    this.#withoutKey = new LeastRequest(options.random);
  }

  setMembers(members: readonly T[]): void {
    const before = new Set(this.#members);
    if (members.length === before.size && members.every((member) => before.has(member))) return;
    this.#members = members;
    this.#ringIsCurrent = false;
  }

  pick(candidates: readonly T[], hashKey: string | undefined): T | undefined {
    const key = hashKey ?? this.#options.defaultKey;
    if (key === undefined || candidates.length < 2) return this.#withoutKey.pick(candidates);
    const ring = this.#currentRing();
    // Of one key alone nothing is a mean: it is asked for that all goes to one endpoint.
    const bound =
      hashKey === undefined
        ? Number.POSITIVE_INFINITY
        : loadBound(this.#options.inFlight() + 1, candidates.length);
    const all = candidates.length === this.#members.length;
    const position = ring.position(key);
    for (let i = 0; i < ring.size; i++) {
      const member = ring.member(position + i);
      if (member === undefined || member.inFlight >= bound) continue;
      if (all || candidates.includes(member)) return member;
    }
    return this.#withoutKey.pick(candidates);
  }

  #currentRing(): Ring<T> {
    if (!this.#ringIsCurrent) {
      this.#ring = new Ring(this.#members, this.#ring);
      this.#ringIsCurrent = true;
    }
    return this.#ring;
  }
}

/**
 * How much one endpoint may have under way.
 *
 * @param inFlight of all together, the request that asks included
 */
export function loadBound(inFlight: number, endpoints: number): number {
  return Math.max(FREE_IN_FLIGHT, Math.ceil((LOAD_FACTOR * inFlight) / endpoints));
}
