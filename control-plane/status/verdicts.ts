import { type Reference, type ReferenceInputs, resolveBackend } from '../model/references.ts';
import { mirrorsOf } from '../model/route-filters.ts';
import { attaches, kindInForce, type Route } from '../model/routes.ts';
import type { ExternalServiceObject, LeaderElectionObject } from '../watch/custom-kinds.ts';
import type { RouteKind, RouteObject, ServiceParentRef } from '../watch/route.ts';
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

/** What a route's verdicts depend on. */
export interface RouteVerdictInputs extends ReferenceInputs {
  /** All routes of a Service. */
  readonly routesOf: (service: string) => readonly Route[];
}

export function judgeRoute(route: RouteObject, inputs: RouteVerdictInputs): RouteVerdicts {
  const common = [judgeReferences(route, inputs), ...judgeRules(route)];
  return {
    parents: route.parentRefs.map((parent) => ({
      parentRef: parent.raw,
      verdicts: [judgeParent(route, parent, inputs), ...common],
    })),
  };
}

function judgeParent(
  route: RouteObject,
  parent: ServiceParentRef,
  { serviceOf, routesOf }: RouteVerdictInputs,
): Verdict {
  if (route.invalid !== undefined) return refuse(route.invalid);
  const key = `${parent.namespace}/${parent.name}`;
  const service = serviceOf(key);
  if (service === undefined) return noParent(`there is no Service ${key}`);
  const reference = { service: key, port: parent.port, portName: parent.sectionName };
  const { kind, metadata } = route;
  const ports = service.ports.filter((port) => attaches(reference, port, kind));
  if (ports.length === 0) {
    const named = parent.sectionName ?? parent.port;
    const carried = CARRIED[kind];
    return noParent(
      named === undefined
        ? `no port of Service ${key} carries ${carried}`
        : `Service ${key} has no port ${named} that carries ${carried}`,
    );
  }
  // Those that hold for the same callers.
  const rivals = routesOf(key).filter(({ namespace }) => namespace === metadata.namespace);
  const lost = ports.flatMap((port) => {
    const winner = kindInForce(rivals, key, port) ?? kind;
    return winner === kind ? [] : [`port ${port.port} of Service ${key} has ${winner}s`];
  });
  const yields = `${lost.join('; ')}: a port takes one kind of routes, the most specific`;
  if (lost.length === ports.length) return conflicted(yields);
  const callers =
    parent.namespace === metadata.namespace
      ? 'in force for all callers of the Service'
      : `in force for callers in namespace ${metadata.namespace}`;
  return accepted(lost.length === 0 ? callers : `${callers}, except that ${yields}`);
}

const CARRIED: Readonly<Record<RouteKind, string>> = {
  GRPCRoute: 'gRPC',
  HTTPRoute: 'HTTP',
  TLSRoute: 'TLS',
  TCPRoute: 'TCP that is not HTTP',
};

/** The Gateway API wants the message to begin so where rules are not followed. */
function judgeRules({ dropped }: RouteObject): Verdict[] {
  if (dropped === undefined) return [];
  const message = `Dropped Rule: what it matches is answered with 500; ${dropped}`;
  return [{ type: 'PartiallyInvalid', status: 'True', reason: 'UnsupportedValue', message }];
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

export function judgeExternalService(object: ExternalServiceObject): readonly Verdict[] {
  const { invalid } = object;
  return [invalid === undefined ? accepted('in force') : refuse(invalid)];
}

export function accepted(message: string): Verdict {
  return { type: 'Accepted', status: 'True', reason: 'Accepted', message };
}

export function refuse({ reason, message }: InvalidSpec): Verdict {
  return { type: 'Accepted', status: 'False', reason, message };
}

function conflicted(message: string): Verdict {
  return { type: 'Accepted', status: 'False', reason: 'Conflicted', message };
}

function noParent(message: string): Verdict {
  return { type: 'Accepted', status: 'False', reason: 'NoMatchingParent', message };
}
