import type { Clock } from '../runtime/clock.ts';
import type { RateLimits } from './config/rate-limits.ts';
import type { Policy } from './config/types.ts';
import { injectFaults } from './policy/fault.ts';
import type { Layer } from './policy/layer.ts';
import type { Limiters } from './policy/rate-limit/limiters.ts';
import { limitRate } from './policy/rate-limit.ts';
import { compileMatches } from './route/match.ts';

const NO_LAYERS: readonly Layer[] = [];

/** Makes the layers that may hold or refuse a request, whether it stays in the mesh or leaves it. */
export class Guards {
  readonly #clock: Clock;
  readonly #limiters: Limiters | undefined;

  /** @param limiters count for rate limits. Without them there are none */
  constructor(clock: Clock, limiters: Limiters | undefined) {
    this.#clock = clock;
    this.#limiters = limiters;
  }

  /** Of requests for which this policy is in force: rate limits, then faults. */
  of({ faults, rateLimits }: Policy): readonly Layer[] {
    const guards = rateLimits === undefined ? [] : [...this.rateLimits([rateLimits])];
    if (faults !== undefined) {
      const takes = compileMatches(faults.matches);
      guards.push(injectFaults(faults, { takes, clock: this.#clock, random: Math.random }));
    }
    return guards;
  }

  rateLimits(policies: readonly RateLimits[]): readonly Layer[] {
    const limiters = this.#limiters;
    if (limiters === undefined || policies.length === 0) return NO_LAYERS;
    return [limitRate(policies.map((policy) => limiters.limiter(policy)))];
  }
}
