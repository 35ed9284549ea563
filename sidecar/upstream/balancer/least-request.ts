import type { Balancer, Candidate } from './balancer.ts';
import { chooseOfTwo } from './choose-of-two.ts';

/** Of two drawn at random, the one with less under way from here. The default. */
export class LeastRequest<T extends Candidate> implements Balancer<T> {
  readonly isSticky = false;
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  setMembers(): void {}

  pick(candidates: readonly T[]): T | undefined {
    return chooseOfTwo(candidates, this.#random, inFlightOf);
  }
}

function inFlightOf(candidate: Candidate): number {
  return candidate.inFlight;
}
