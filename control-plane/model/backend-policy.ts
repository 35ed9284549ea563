import { affinity } from './affinity.ts';
import { type AttachedPolicy, decidingPolicies, settle, type TargetKey } from './attachment.ts';
import type { Backend, Policy, Service } from './types.ts';

/**
 * What a backend's own Service demands of its endpoints and of the connections to them
 * holds whoever leads there.
 */
export function withOwnPolicy(
  backend: Backend,
  policies: (target: TargetKey) => readonly AttachedPolicy[],
  serviceOf: (key: string) => Service | undefined,
): Backend {
  if (backend.invalid !== undefined) return backend;
  const [namespace = '', name = ''] = backend.service.split('/');
  const place = { service: { namespace, name } };
  const deciding = decidingPolicies(place, policies);
  const own = affinity(place, serviceOf(backend.service), deciding) ?? {};
  const { sources, circuitBreaker, loadBalancer, limits } = settle(own, deciding);
  const policy: Policy = {
    sources,
    ...(circuitBreaker && { circuitBreaker }),
    ...(loadBalancer && { loadBalancer }),
    ...(limits && { limits }),
  };
  return Object.keys(policy).length === 1 ? backend : { ...backend, policy };
}
