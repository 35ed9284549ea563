import type { Feature } from '../../proto/well-known.ts';
import type { HttpMatch, Policy, PortRoutes, Resource, Routes } from '../model/types.ts';

/** What a sidecar must know of, to apply a resource as it is meant. */
export function featuresOf(resource: Resource): Feature[] {
  switch (resource.kind) {
    case 'routes':
      return [...new Set(routesFeatures(resource))];
    case 'external':
      return ['external-services.v1', ...policyFeatures(resource.policy)];
    case 'settings':
      return [
        ...(resource.egress === undefined ? [] : (['egress.v1'] as const)),
        ...(resource.rateLimits === undefined ? [] : (['rate-limits.v1'] as const)),
      ];
    default:
      return [];
  }
}

function* routesFeatures({ ports }: Routes): Iterable<Feature> {
  for (const port of ports) {
    if (port.connectionRules !== undefined) yield 'connection-routes.v1';
    for (const policy of policiesOf(port)) yield* policyFeatures(policy);
    for (const { filters, backends, matches, session } of port.rules) {
      if (session !== undefined) yield 'session-persistence.v1';
      if (filters ?? backends.some((backend) => backend.filters)) yield 'filters.v1';
      if (matches.some(hasExpression)) yield 'regular-expressions.v1';
    }
  }
}

/** The same of a policy, wherever it is in force. */
function* policyFeatures(policy: Policy): Iterable<Feature> {
  if (!isEmpty(policy)) yield 'policy.v1';
  if (policy.loadBalancer !== undefined) yield 'load-balancer.v1';
  if (policy.limits !== undefined) yield 'limits.v1';
  const { slowStart, locality } = policy.loadBalancer ?? {};
  if ((slowStart ?? locality) !== undefined) yield 'load-balancer.v2';
  if (usesBreaker2(policy.circuitBreaker)) yield 'circuit-breaker.v2';
  const { grpcStatuses, maxRetryAfterMs } = policy.retries ?? {};
  if ((grpcStatuses ?? maxRetryAfterMs) !== undefined) yield 'retries.v2';
  if (policy.hedging !== undefined) yield 'hedging.v1';
  if (policy.faults !== undefined) yield 'faults.v1';
  if (policy.faults?.matches.some(hasExpression)) yield 'regular-expressions.v1';
  if (policy.rateLimits !== undefined) yield 'rate-limits.v1';
}

function* policiesOf({ policy, rules, connectionRules = [] }: PortRoutes): Iterable<Policy> {
  yield policy;
  for (const rule of [...rules, ...connectionRules]) {
    yield rule.policy;
    for (const backend of rule.backends) if (backend.policy !== undefined) yield backend.policy;
  }
}

/** More than consecutive errors. */
function usesBreaker2(breaker: Policy['circuitBreaker']): boolean {
  if (breaker === undefined) return false;
  const { consecutiveErrors: _, ejectionMs: _ms, maxEjectedPercent: _percent, ...more } = breaker;
  return !isEmpty({ sources: [], ...more });
}

function hasExpression({ path, headers, query }: HttpMatch): boolean {
  return (
    path?.kind === 'expression' || [...headers, ...query].some((value) => 'expression' in value)
  );
}

function isEmpty({ sources: _, ...fields }: { readonly sources: readonly string[] }): boolean {
  return Object.values(fields).every((value) => value === undefined);
}
