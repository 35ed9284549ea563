import { type Reference, type ReferenceInputs, resolveBackend } from '../model/references.ts';
import { mirrorsOf } from '../model/route-filters.ts';
import { attaches } from '../model/routes.ts';
import type { LeaderElectionObject } from '../watch/custom-kinds.ts';
import type { RouteObject, ServiceParentRef } from '../watch/route.ts';
import type { InvalidSpec } from '../watch/source.ts';
import type { Verdict } from './conditions.ts';

/** What is said of a route, for each of its Service parents. */
export interface RouteVerdicts {
  readonly parents: readonly {
    /** As it stands in the spec. */
    readonly parentRef: Readonly<Record<string, unknown>>;
    readonly verdicts: readonly Verdict[];
  }[];
}

export function judgeRoute(route: RouteObject, inputs: ReferenceInputs): RouteVerdicts {
  const references = judgeReferences(route, inputs);
  return {
    parents: route.parentRefs.map((parent) => ({
      parentRef: parent.raw,
      verdicts: [judgeParent(route, parent, inputs), references],
    })),
  };
}

function judgeParent(
  route: RouteObject,
  parent: ServiceParentRef,
  { serviceOf }: ReferenceInputs,
): Verdict {
  if (route.invalid !== undefined) return refuse(route.invalid);
  const key = `${parent.namespace}/${parent.name}`;
  const service = serviceOf(key);
  if (service === undefined) return noParent(`there is no Service ${key}`);
  const reference = { service: key, port: parent.port, portName: parent.sectionName };
  if (!service.ports.some((port) => attaches(reference, port, route.kind))) {
    const named = parent.sectionName ?? parent.port;
    const carried = route.kind === 'GRPCRoute' ? 'gRPC' : 'HTTP';
    return noParent(
      named === undefined
        ? `no port of Service ${key} carries ${carried}`
        : `Service ${key} has no port ${named} that carries ${carried}`,
    );
  }
  return accepted(
    parent.namespace === route.metadata.namespace
      ? 'in force for all callers of the Service'
      : `in force for callers in namespace ${route.metadata.namespace}`,
  );
}

function judgeReferences(route: RouteObject, inputs: ReferenceInputs): Verdict {
  const { namespace } = route.metadata;
  const parents = route.parentRefs.map((parent) => ({
    service: `${parent.namespace}/${parent.name}`,
  }));
  for (const reference of referencesOf(route)) {
    const refusal = resolveBackend(inputs, { kind: route.kind, namespace, parents }, reference);
    if (refusal !== undefined) return { type: 'ResolvedRefs', status: 'False', ...refusal };
  }
  const message = 'all backends are there';
  return { type: 'ResolvedRefs', status: 'True', reason: 'ResolvedRefs', message };
}

/** All backends, those that get copies too. */
function* referencesOf(route: RouteObject): Iterable<Reference> {
  const { namespace } = route.metadata;
  for (const { backendRefs, filters } of route.rules) {
    for (const { group, kind, name, port, namespace: own, filters: ofBackend } of backendRefs) {
      yield { group, kind, name, port, namespace: own ?? namespace };
      yield* mirrorsOf(ofBackend, namespace);
    }
    yield* mirrorsOf(filters, namespace);
  }
}

export function judgeElection({ invalid }: LeaderElectionObject): readonly Verdict[] {
  return [invalid === undefined ? accepted('in force') : refuse(invalid)];
}

export function accepted(message: string): Verdict {
  return { type: 'Accepted', status: 'True', reason: 'Accepted', message };
}

export function refuse({ reason, message }: InvalidSpec): Verdict {
  return { type: 'Accepted', status: 'False', reason, message };
}

function noParent(message: string): Verdict {
  return { type: 'Accepted', status: 'False', reason: 'NoMatchingParent', message };
}
