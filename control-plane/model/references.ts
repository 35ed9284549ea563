import type { ReferenceGrantObject } from '../watch/kinds.ts';
import type { Service } from './types.ts';

/** A backend as a route names it. */
export interface Reference {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly port: number | undefined;
}

export interface ReferenceInputs {
  /** A service by `<namespace>/<name>`. */
  readonly serviceOf: (key: string) => Service | undefined;
  /** The grants that a namespace gives. */
  readonly grantsIn: (namespace: string) => readonly ReferenceGrantObject[];
}

/** Why a reference cannot be used: the reason of a `ResolvedRefs` condition, and a sentence. */
export interface ReferenceRefusal {
  readonly reason: 'InvalidKind' | 'RefNotPermitted' | 'BackendNotFound';
  readonly message: string;
}

/** Whose reference it is. */
export interface Referrer {
  readonly kind: string;
  readonly namespace: string;
  /** The Services that the route is attached to, `<namespace>/<name>`. */
  readonly parents: readonly { readonly service: string }[];
}

/** Undefined when the route may send to the backend, and it is there. */
export function resolveBackend(
  inputs: ReferenceInputs,
  from: Referrer,
  reference: Reference,
): ReferenceRefusal | undefined {
  const { group, kind, namespace, name, port } = reference;
  const key = `${namespace}/${name}`;
  if (kind !== 'Service' || (group !== '' && group !== 'core')) {
    const message = `backend ${group === '' ? kind : `${group}/${kind}`} ${key}: only a Service can be a backend`;
    return { reason: 'InvalidKind', message };
  }
  // To a parent the requests would go without the route too.
  const isParent = from.parents.some((parent) => parent.service === key);
  const isOwn = namespace === from.namespace || isParent;
  if (!isOwn && !granted(inputs.grantsIn(namespace), from, name)) {
    const message = `backend ${key} is in another namespace, which has no ReferenceGrant for ${from.kind}s of ${from.namespace}`;
    return { reason: 'RefNotPermitted', message };
  }
  const service = inputs.serviceOf(key);
  if (service === undefined) {
    return { reason: 'BackendNotFound', message: `backend ${key}: there is no such Service` };
  }
  if (port === undefined) {
    return { reason: 'BackendNotFound', message: `backend ${key}: a Service needs a port` };
  }
  if (!service.ports.some((candidate) => candidate.port === port)) {
    const message = `backend ${key}: the Service has no TCP port ${port}`;
    return { reason: 'BackendNotFound', message };
  }
  return undefined;
}

function granted(
  grants: readonly ReferenceGrantObject[],
  referrer: Referrer,
  name: string,
): boolean {
  return grants.some(
    (grant) =>
      grant.from.some(
        (from) =>
          from.group === 'gateway.networking.k8s.io' &&
          from.kind === referrer.kind &&
          from.namespace === referrer.namespace,
      ) &&
      grant.to.some(
        (to) => to.group === '' && to.kind === 'Service' && (to.name === '' || to.name === name),
      ),
  );
}
