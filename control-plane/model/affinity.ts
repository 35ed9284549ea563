import { type AttachedPolicy, type Place, type PolicyField, targetsAt } from './attachment.ts';
import type { Policy, Service } from './types.ts';

/** All that a pod sends goes to one endpoint: from within the mesh, clients are pods. */
const BY_CALLER: NonNullable<Policy['loadBalancer']> = {
  type: 'ring-hash',
  hash: { kind: 'source' },
};

/** Whether a Service's own `sessionAffinity` decides, since no policy on it, or on the route, says otherwise. */
export function isAffine(
  place: Place,
  service: Pick<Service, 'sessionAffinity'> | undefined,
  deciding: ReadonlyMap<PolicyField, AttachedPolicy>,
): boolean {
  if (service?.sessionAffinity !== 'ClientIP') return false;
  const decided = deciding.get('loadBalancer')?.targets ?? [];
  // What the namespace says is for Services that say nothing.
  return !targetsAt(place).some((target) => !isDefault(target) && decided.includes(target));
}

/** The same as a setting. */
export function affinity(
  ...of: Parameters<typeof isAffine>
): Pick<Policy, 'loadBalancer'> | undefined {
  return isAffine(...of) ? { loadBalancer: BY_CALLER } : undefined;
}

function isDefault(target: string): boolean {
  return target.startsWith('Namespace/');
}
