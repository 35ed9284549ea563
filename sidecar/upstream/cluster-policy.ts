import type {
  CircuitBreaker,
  Limits,
  LoadBalancer,
  Policy,
  Routes,
  ServiceName,
} from '../config/types.ts';
import { stricterBreaker } from './stricter-breaker.ts';

/** What of a policy concerns a cluster, and not a single request. Undefined means the mesh default. */
export interface ClusterPolicy {
  readonly circuitBreaker: CircuitBreaker | undefined;
  readonly loadBalancer: LoadBalancer | undefined;
  readonly limits: Limits | undefined;
  /** How long a connection may be idle between two requests; 0 means no limit but our own. */
  readonly idleTimeoutMs?: number | undefined;
}

/** The key of a service's port: `<namespace>/<name>:<port>`. */
export function portKey(service: ServiceName, port: number): string {
  return `${service}:${port}`;
}

/**
 * Which policy holds for which service port. A service's own policy holds where
 * no rule that leads there says anything; where several rules do, the strictest
 * breaker, the strictest limits, the shortest time and the most particular balancer
 * count.
 */
export function clusterPolicies(
  routes: ReadonlyMap<ServiceName, Routes>,
): ReadonlyMap<string, ClusterPolicy> {
  const byRule = new Map<string, ClusterPolicy>();
  const byService = new Map<string, ClusterPolicy>();
  for (const { service, ports } of routes.values()) {
    for (const { port, rules, policy, connectionRules = [] } of ports) {
      if (saysAnything(policy)) byService.set(portKey(service, port), policy);
      for (const rule of [...rules, ...connectionRules]) {
        for (const backend of rule.backends) {
          if (backend.kind !== 'service') continue;
          const key = portKey(backend.service, backend.port);
          const own = backend.policy;
          if (own !== undefined && saysAnything(own) && !byService.has(key)) {
            byService.set(key, own);
          }
          if (saysAnything(rule.policy)) {
            byRule.set(key, strictest(rule.policy, byRule.get(key)));
          }
        }
      }
    }
  }
  const policies = new Map(byService);
  for (const [key, policy] of byRule) {
    const own = byService.get(key);
    policies.set(key, {
      circuitBreaker: policy.circuitBreaker ?? own?.circuitBreaker,
      loadBalancer: policy.loadBalancer ?? own?.loadBalancer,
      limits: policy.limits ?? own?.limits,
      idleTimeoutMs: policy.idleTimeoutMs ?? own?.idleTimeoutMs,
    });
  }
  return policies;
}

function saysAnything(policy: Policy): boolean {
  const { circuitBreaker, loadBalancer, limits, idleTimeoutMs } = policy;
  return (circuitBreaker ?? loadBalancer ?? limits ?? idleTimeoutMs) !== undefined;
}

function strictest(one: ClusterPolicy, other: ClusterPolicy | undefined): ClusterPolicy {
  return {
    circuitBreaker: either(one.circuitBreaker, other?.circuitBreaker, stricterBreaker),
    loadBalancer: either(one.loadBalancer, other?.loadBalancer, moreParticular),
    limits: either(one.limits, other?.limits, stricterLimits),
    idleTimeoutMs: either(one.idleTimeoutMs, other?.idleTimeoutMs, shorter),
  };
}

function either<T>(
  one: T | undefined,
  other: T | undefined,
  choose: (one: T, other: T) => T,
): T | undefined {
  return one === undefined || other === undefined ? (one ?? other) : choose(one, other);
}

/** 0 ms means no limit. */
function shorter(oneMs: number, otherMs: number): number {
  return oneMs === 0 || otherMs === 0 ? oneMs + otherMs : Math.min(oneMs, otherMs);
}

/** The later, the more a user relies on it. */
const PARTICULARITY: readonly LoadBalancer['kind'][] = [
  'least-request',
  'round-robin',
  'peak-ewma',
  'ring-hash',
];

/**
 * The keys of a ring are of the request's own rule; only the source is a matter of the
 * cluster. What only one of them says of zones and new endpoints counts too.
 */
function moreParticular(one: LoadBalancer, other: LoadBalancer): LoadBalancer {
  const rank = (balancer: LoadBalancer): number =>
    PARTICULARITY.indexOf(balancer.kind) +
    (balancer.kind === 'ring-hash' && balancer.hash.kind === 'source' ? 1 : 0);
  const [chosen, left] = rank(one) > rank(other) ? [one, other] : [other, one];
  const slowStart = chosen.slowStart ?? left.slowStart;
  const locality = chosen.locality ?? left.locality;
  return {
    ...chosen,
    ...(locality !== undefined && { locality }),
    // Keys on a ring stay where they are.
    ...(slowStart !== undefined && chosen.kind !== 'ring-hash' && { slowStart }),
  };
}

function stricterLimits(one: Limits, other: Limits): Limits {
  const smaller = (name: keyof Limits): number | undefined =>
    either(one[name], other[name], Math.min);
  return {
    maxConnections: smaller('maxConnections'),
    maxPendingRequests: smaller('maxPendingRequests'),
    maxRequests: smaller('maxRequests'),
  };
}
