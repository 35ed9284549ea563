import type { CircuitBreaker, Routes, ServiceName } from '../config/types.ts';

/** The key of a service's port: `<namespace>/<name>:<port>`. */
export function portKey(service: ServiceName, port: number): string {
  return `${service}:${port}`;
}

/**
 * Which circuit breaker holds for which service port. Ejection concerns a
 * cluster, not a request, so where several rules lead to a backend the strictest
 * one counts; a service's own policy holds where no rule says anything.
 */
export function circuitBreakers(
  routes: ReadonlyMap<ServiceName, Routes>,
): ReadonlyMap<string, CircuitBreaker> {
  const byRule = new Map<string, CircuitBreaker>();
  const byService = new Map<string, CircuitBreaker>();
  for (const { service, ports } of routes.values()) {
    for (const { port, rules, policy } of ports) {
      if (policy.circuitBreaker !== undefined) {
        byService.set(portKey(service, port), policy.circuitBreaker);
      }
      for (const rule of rules) {
        const { circuitBreaker } = rule.policy;
        if (circuitBreaker === undefined) continue;
        for (const backend of rule.backends) {
          if (backend.kind !== 'service') continue;
          const key = portKey(backend.service, backend.port);
          const other = byRule.get(key);
          if (other === undefined || stricter(circuitBreaker, other)) {
            byRule.set(key, circuitBreaker);
          }
        }
      }
    }
  }
  return new Map([...byService, ...byRule]);
}

/** 0 errors means never. */
function stricter(one: CircuitBreaker, other: CircuitBreaker): boolean {
  const limit = (breaker: CircuitBreaker): number =>
    breaker.consecutiveErrors === 0 ? Number.POSITIVE_INFINITY : breaker.consecutiveErrors;
  return limit(one) < limit(other);
}
