import type { LatencyEjection, SuccessRateEjection } from '../config/types.ts';
import type { EndpointHealth } from './endpoint-health.ts';

interface Measured {
  readonly health: EndpointHealth;
}

/** Endpoints whose requests succeed less often than they must, the worst first. */
export function worst<T extends Measured>(
  endpoints: readonly T[],
  { minPercent, minRequests }: SuccessRateEjection,
): T[] {
  const percentOf = ({ health }: T): number =>
    (100 * (health.requests - health.failures)) / health.requests;
  return endpoints
    .filter((endpoint) => endpoint.health.requests >= minRequests)
    .filter((endpoint) => percentOf(endpoint) < minPercent)
    .sort((a, b) => percentOf(a) - percentOf(b));
}

/**
 * Endpoints whose mean response time is more than `percent` of the median of the
 * others, the slowest first. With nobody to compare with, nobody is slow.
 */
export function slowest<T extends Measured>(
  endpoints: readonly T[],
  { percent, minMs, minRequests }: LatencyEjection,
): T[] {
  const measured = endpoints
    .filter(({ health }) => health.answers >= minRequests && health.answers > 0)
    .map((endpoint) => ({
      endpoint,
      meanMs: endpoint.health.answersMs / endpoint.health.answers,
    }))
    .sort((a, b) => b.meanMs - a.meanMs);
  return measured
    .filter(({ meanMs }, position) => {
      const others = measured.filter((_, other) => other !== position);
      const middle = others[Math.floor(others.length / 2)];
      return middle !== undefined && meanMs >= minMs && meanMs * 100 > middle.meanMs * percent;
    })
    .map(({ endpoint }) => endpoint);
}
