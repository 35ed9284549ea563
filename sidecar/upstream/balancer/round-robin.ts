import type { Balancer, Candidate } from './balancer.ts';

/** One after the other, whatever they have under way. */
export class RoundRobin<T extends Candidate> implements Balancer<T> {
  readonly isSticky = false;
  #turn: number;

  constructor(random: () => number) {
    // Somewhere, so that sidecars that start together do not all begin with the same endpoint.
    this.#turn = Math.floor(random() * 2 ** 30);
  }

  setMembers(): void {}

  pick(candidates: readonly T[]): T | undefined {
    if (candidates.length === 0) return undefined;
    this.#turn = (this.#turn + 1) % 2 ** 31;
    return candidates[this.#turn % candidates.length];
  }
}
