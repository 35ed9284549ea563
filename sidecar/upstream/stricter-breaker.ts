import type { CircuitBreaker } from '../config/types.ts';

/**
 * Where two policies meet at one cluster, each may be the stricter in another respect:
 * what one of them takes an endpoint out for is not lost because the other counts
 * fewer errors. How long an endpoint is out then, and how many may be, belongs
 * together and is that of the one with the fewer errors.
 */
export function stricterBreaker(one: CircuitBreaker, other: CircuitBreaker): CircuitBreaker {
  const [first, second] = compare(one, other) <= 0 ? [one, other] : [other, one];
  // 0 errors means never, for whatever reason.
  if (second.consecutiveErrors === 0) return first;
  return {
    ...first,
    consecutiveGatewayErrors: choose(
      first.consecutiveGatewayErrors,
      second.consecutiveGatewayErrors,
      (a, b) => a - b,
    ),
    successRate: choose(
      first.successRate,
      second.successRate,
      (a, b) => b.minPercent - a.minPercent || a.minRequests - b.minRequests,
    ),
    latency: choose(
      first.latency,
      second.latency,
      (a, b) => a.percent - b.percent || a.minMs - b.minMs || a.minRequests - b.minRequests,
    ),
    intervalMs: choose(first.intervalMs, second.intervalMs, (a, b) => a - b),
  };
}

/** Fewer errors, then longer out. */
function compare(one: CircuitBreaker, other: CircuitBreaker): number {
  const errors = limitOf(one) - limitOf(other);
  return Number.isNaN(errors) || errors === 0 ? other.ejectionMs - one.ejectionMs : errors;
}

function limitOf({ consecutiveErrors }: CircuitBreaker): number {
  return consecutiveErrors === 0 ? Number.POSITIVE_INFINITY : consecutiveErrors;
}

/** @param compare below 0 when the first is the stricter */
function choose<T>(
  one: T | undefined,
  other: T | undefined,
  compare: (one: T, other: T) => number,
): T | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return compare(one, other) <= 0 ? one : other;
}
