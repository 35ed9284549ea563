import type { Clock } from '../../../runtime/clock.ts';
import type { Balancer, Candidate } from './balancer.ts';
import { chooseOfTwo } from './choose-of-two.ts';

/** After this time without news a response time counts for 1/e of itself; as in Finagle and linkerd. */
const DECAY_MS = 10_000;
/**
 * Below, response times count as equal: what is left is the noise of two event
 * loops. It also keeps an endpoint whose slowness was forgotten from looking
 * infinitely fast, and so from getting a whole burst before its first answer.
 */
const LEAST_MS = 1;
/** Above every cost that was measured. */
const UNKNOWN_COST = 1e12;

/**
 * Of two drawn at random, the one with the smaller product of response time and
 * requests under way. The response time is a moving average that decays with
 * time, not with requests, and that a slower response replaces at once: it turns
 * away quickly and comes back carefully.
 *
 * After "peak EWMA" of Twitter's Finagle (`com.twitter.finagle.loadbalancer`,
 * `PeakEwma`) and the balancer of linkerd. Differently from there, an answer that
 * failed fast is no reason to prefer an endpoint: failures only make it slower.
 */
export class PeakEwma<T extends Candidate> implements Balancer<T> {
  readonly isSticky = false;
  readonly #clock: Clock;
  readonly #random: () => number;
  #responseTimes = new Map<T, ResponseTime>();
  /** Of the pick under way: both candidates are looked at in the same moment. */
  #nowMs = 0;

  constructor(clock: Clock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  setMembers(members: readonly T[]): void {
    const previous = this.#responseTimes;
    this.#responseTimes = new Map(
      members.map((member) => [member, previous.get(member) ?? new ResponseTime()]),
    );
  }

  pick(candidates: readonly T[]): T | undefined {
    this.#nowMs = this.#clock.monotonicMs();
    return chooseOfTwo(candidates, this.#random, this.#costOf);
  }

  observe(member: T, elapsedMs: number, answered: boolean): void {
    this.#responseTimes.get(member)?.observe(elapsedMs, this.#clock.monotonicMs(), answered);
  }

  describe(member: T): object {
    const responseMs = this.#responseTimes.get(member)?.at(this.#clock.monotonicMs());
    return { responseMs: responseMs === undefined ? null : Math.round(responseMs * 1000) / 1000 };
  }

  readonly #costOf = (candidate: T): number => {
    const { inFlight } = candidate;
    const responseMs = this.#responseTimes.get(candidate)?.at(this.#nowMs);
    if (responseMs !== undefined) return Math.max(responseMs, LEAST_MS) * (inFlight + 1);
    // Nothing is known: one request finds out, and further ones go elsewhere meanwhile.
    return inFlight === 0 ? 0 : UNKNOWN_COST + inFlight;
  };
}

/** The moving average of one endpoint. */
class ResponseTime {
  #ms: number | undefined;
  #observedMs = 0;

  /** What it counts for now, in ms; undefined before the first answer. */
  at(nowMs: number): number | undefined {
    return this.#ms === undefined ? undefined : this.#ms * decay(nowMs - this.#observedMs);
  }

  observe(elapsedMs: number, nowMs: number, answered: boolean): void {
    const known = this.#ms;
    if (known === undefined || elapsedMs > known) {
      this.#ms = elapsedMs;
    } else if (answered) {
      const weight = decay(nowMs - this.#observedMs);
      this.#ms = known * weight + elapsedMs * (1 - weight);
    } else {
      return;
    }
    this.#observedMs = nowMs;
  }
}

function decay(elapsedMs: number): number {
  return Math.exp(-elapsedMs / DECAY_MS);
}
