import type { HashSource__Output } from '../../proto/gen/remora/v1/HashSource.ts';
import type { Limits__Output } from '../../proto/gen/remora/v1/Limits.ts';
import type { LoadBalancer__Output } from '../../proto/gen/remora/v1/LoadBalancer.ts';
import type { Place } from './place.ts';
import type { HashSource, Limits, LoadBalancer } from './types.ts';

/* What of a policy concerns whole clusters, as strict as `decode.ts`. */

const BALANCERS = {
  LEAST_REQUEST: { kind: 'least-request' },
  PEAK_EWMA: { kind: 'peak-ewma' },
  ROUND_ROBIN: { kind: 'round-robin' },
} as const;

export function decodeLoadBalancer({ type, hash }: LoadBalancer__Output, at: Place): LoadBalancer {
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
