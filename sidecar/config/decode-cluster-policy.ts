import type { CircuitBreaker__Output } from '../../proto/gen/remora/v1/CircuitBreaker.ts';
import type { HashSource__Output } from '../../proto/gen/remora/v1/HashSource.ts';
import type { Limits__Output } from '../../proto/gen/remora/v1/Limits.ts';
import type { LoadBalancer__Output } from '../../proto/gen/remora/v1/LoadBalancer.ts';
import type { Place } from './place.ts';
import type { CircuitBreaker, HashSource, Limits, LoadBalancer } from './types.ts';

/* What of a policy concerns whole clusters, as strict as `decode.ts`. */

const BALANCERS = {
  LEAST_REQUEST: { kind: 'least-request' },
  PEAK_EWMA: { kind: 'peak-ewma' },
  ROUND_ROBIN: { kind: 'round-robin' },
} as const;

export function decodeLoadBalancer(message: LoadBalancer__Output, at: Place): LoadBalancer {
  const { slowStart, locality } = message;
  if (slowStart !== null && message.type === 'RING_HASH') {
    at.in('slowStart').fail('RING_HASH has no use for it');
  }
  return present<LoadBalancer>({
    ...decodeType(message, at),
    slowStart: slowStart && {
      windowMs: at.in('slowStart.windowMs').duration(slowStart.windowMs),
      minPercent: at.in('slowStart.minPercent').atMost(slowStart.minPercent, 100),
    },
    locality: locality && {
      minHealthyPercent: at
        .in('locality.minHealthyPercent')
        .atMost(locality.minHealthyPercent, 100),
    },
  });
}

function decodeType({ type, hash }: LoadBalancer__Output, at: Place): LoadBalancer {
  if (type === 'RING_HASH') {
    return { kind: 'ring-hash', hash: decodeHash(at.in('hash').present(hash), at.in('hash')) };
  }
  if (hash !== null) at.in('hash').fail(`${type} has no use for it`);
  return BALANCERS[type] ?? at.in('type').fail(`the value ${type} is unknown to this sidecar`);
}

function decodeHash(hash: HashSource__Output, at: Place): HashSource {
  switch (hash.source) {
    case 'header': {
      const name = at.in('header').token(hash.header ?? '');
      return { kind: 'header', name: name.toLowerCase() };
    }
    case 'cookie': {
      const { name, ttlSeconds } = at.in('cookie').present(hash.cookie);
      return { kind: 'cookie', name: at.in('cookie.name').token(name), ttlSeconds };
    }
    case 'callingPod':
      return { kind: 'source' };
    default:
      return at.fail('it says nothing that is known to this sidecar');
  }
}

export function decodeLimits(limits: Limits__Output, at: Place): Limits {
  const { maxConnections, maxPendingRequests, maxRequests } = limits;
  for (const [name, value] of Object.entries({ maxConnections, maxRequests })) {
    if (value === 0) at.in(name).fail('0 would let nothing through');
  }
  return { maxConnections, maxPendingRequests, maxRequests };
}

export function decodeCircuitBreaker(breaker: CircuitBreaker__Output, at: Place): CircuitBreaker {
  const { consecutiveErrors, consecutiveGatewayErrors, successRate, latency } = breaker;
  for (const [name, value] of Object.entries({ consecutiveErrors, consecutiveGatewayErrors })) {
    if (value === 0) at.in(name).fail('0 would take every endpoint out of the balancer');
  }
  return present<CircuitBreaker>({
    consecutiveErrors,
    consecutiveGatewayErrors,
    successRate: successRate && {
      minPercent: at.in('successRate.minPercent').atMost(successRate.minPercent, 100),
      minRequests: successRate.minRequests,
    },
    latency: latency && {
      percent: latency.percent,
      minMs: at.in('latency.minMs').duration(latency.minMs),
      minRequests: latency.minRequests,
    },
    intervalMs: at.in('intervalMs').optionalDuration(breaker.intervalMs),
    ejectionMs: at.in('ejectionMs').duration(breaker.ejectionMs),
    maxEjectionMs: at.in('maxEjectionMs').optionalDuration(breaker.maxEjectionMs),
    maxEjectedPercent: at.in('maxEjectedPercent').atMost(breaker.maxEjectedPercent, 100),
    minHealthyPercent:
      at.in('minHealthyPercent').atMost(breaker.minHealthyPercent ?? 0, 100) || undefined,
  });
}

/** Without the fields that are absent. */
function present<T extends object>(fields: { [K in keyof T]: T[K] | null | undefined }): T {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined && value !== null),
  ) as T;
}
