import type { HttpRouteMatch, HttpRouteObject, HttpRouteRule } from '../watch/http-route.ts';
import {
  inForce,
  mergePolicies,
  rulePolicy,
  type TargetKey,
  type TrafficPolicy,
} from './policies.ts';
import { type Aged, compareAge, compareMatches } from './precedence.ts';
import { type Reference, type ReferenceInputs, resolveBackend } from './references.ts';
import type {
  Backend,
  HttpMatch,
  HttpRule,
  Policy,
  Port,
  PortRoutes,
  Routes,
  Service,
  ValueMatch,
} from './types.ts';

/** An HTTPRoute in the model's terms. */
export interface Route extends Aged {
  readonly parents: readonly ParentRef[];
  readonly rules: readonly RouteRule[];
}

/** A Service that a route is attached to: all its ports, or one by number or name. */
export interface ParentRef {
  /** `<namespace>/<name>` */
  readonly service: string;
  readonly port: number | undefined;
  readonly portName: string | undefined;
}

export interface RouteRule {
  readonly name: string;
  /** At least one. */
  readonly matches: readonly HttpMatch[];
  /** Empty: the parent itself. */
  readonly backends: readonly (Reference & { readonly weight: number })[];
  readonly policy: Policy;
}

/** Undefined when the object cannot be understood or has no Service as parent. */
export function toRoute(object: HttpRouteObject): Route | undefined {
  const { invalid, metadata, parentRefs, rules } = object;
  if (invalid !== undefined) return undefined;
  const { namespace, name, creationTimestamp } = metadata;
  return {
    namespace,
    name,
    creationTimestamp,
    parents: parentRefs.map((parent) => ({
      service: `${parent.namespace}/${parent.name}`,
      port: parent.port,
      portName: parent.sectionName,
    })),
    rules: rules.map((rule, position) =>
      toRule(rule, position, `HTTPRoute/${namespace}/${name}`, namespace),
    ),
  };
}

function toRule(
  rule: HttpRouteRule,
  position: number,
  route: string,
  namespace: string,
): RouteRule {
  return {
    name: `${route}/${rule.name ?? position}`,
    matches: rule.matches.length === 0 ? [{ headers: [], query: [] }] : rule.matches.map(toMatch),
    backends: rule.backendRefs.map((ref) => ({
      group: ref.group,
      kind: ref.kind,
      namespace: ref.namespace ?? namespace,
      name: ref.name,
      port: ref.port,
      weight: ref.weight,
    })),
    policy: rulePolicy(rule.timeouts),
  };
}

function toMatch(match: HttpRouteMatch): HttpMatch {
  const { path, method } = match;
  const headers = firstOfEachName(
    match.headers.map((header) => ({ name: header.name.toLowerCase(), exact: header.value })),
  );
  const query = firstOfEachName(
    match.queryParams.map((parameter) => ({ name: parameter.name, exact: parameter.value })),
  );
  // By segment, "/a/" takes what "/a" takes; and "/" takes everything.
  const prefix = path.value.replace(/\/+$/, '');
  return {
    ...(path.type === 'Exact'
      ? { path: { kind: 'exact', value: path.value } as const }
      : prefix === ''
        ? {}
        : { path: { kind: 'prefix', value: prefix } as const }),
    ...(method === undefined ? {} : { method }),
    headers,
    query,
  };
}

/** The Gateway API lets only the first of equal names count. */
function firstOfEachName(matches: readonly ValueMatch[]): ValueMatch[] {
  return matches.filter(
    (match, position) => matches.findIndex((other) => other.name === match.name) === position,
  );
}

/** What the rules of a service are made from. */
export interface RoutesInputs extends ReferenceInputs {
  readonly service: Service;
  /** The routes that are attached to the service and apply to the caller. */
  readonly routes: readonly Route[];
  readonly policies: (target: TargetKey) => readonly TrafficPolicy[];
}

/** The rules of a service, by port, in order of precedence. */
export function buildRoutes(inputs: RoutesInputs): Routes {
  const service = `${inputs.service.namespace}/${inputs.service.name}`;
  const servicePolicy = inForce(inputs.policies(`Service/${service}`))?.policy;
  return {
    kind: 'routes',
    service,
    ports: inputs.service.ports.map((port) => buildPort(inputs, service, port, servicePolicy)),
  };
}

function buildPort(
  inputs: RoutesInputs,
  service: string,
  port: Port,
  servicePolicy: Policy | undefined,
): PortRoutes {
  const attached = inputs.routes
    .filter((route) =>
      route.parents.some((parent) => parent.service === service && attaches(parent, port)),
    )
    .sort(compareAge);
  const entries = attached.flatMap((route) => {
    const routePolicy = inForce(
      inputs.policies(`HTTPRoute/${route.namespace}/${route.name}`),
    )?.policy;
    return route.rules.flatMap((rule) => {
      const policy = mergePolicies([rule.policy, routePolicy, servicePolicy]);
      const backends = backendsOf(inputs, route, rule, service, port.port);
      const built = { name: rule.name, backends, policy };
      return rule.matches.map((match) => ({ match, rule: built }));
    });
  });
  // The sort is stable: what ties stays by age, then in the order of the rules.
  entries.sort((a, b) => compareMatches(a.match, b.match));
  return {
    port: port.port,
    routeBound: attached.length > 0,
    rules: gather(entries),
    policy: mergePolicies([servicePolicy]),
  };
}

/** Matches of one rule that follow one another become one rule again. */
function gather(
  entries: readonly { match: HttpMatch; rule: Omit<HttpRule, 'matches'> }[],
): HttpRule[] {
  const rules: HttpRule[] = [];
  let start = 0;
  entries.forEach(({ rule }, position) => {
    if (entries[position + 1]?.rule === rule) return;
    const matches = entries.slice(start, position + 1).map((entry) => entry.match);
    rules.push({ ...rule, matches });
    start = position + 1;
  });
  return rules;
}

/** Whether a parent reference means a port, which must be one that can carry HTTP. */
export function attaches(parent: ParentRef, port: Port): boolean {
  if (port.protocol === 'tcp' || port.protocol === 'tls') return false;
  if (parent.port !== undefined && parent.port !== port.port) return false;
  return parent.portName === undefined || parent.portName === port.name;
}

function backendsOf(
  inputs: RoutesInputs,
  route: Route,
  rule: RouteRule,
  service: string,
  port: number,
): Backend[] {
  if (rule.backends.length === 0) return [{ service, port, weight: 1 }];
  return rule.backends.map((reference) => {
    const backend = {
      service: `${reference.namespace}/${reference.name}`,
      port: reference.port ?? 0,
      weight: reference.weight,
    };
    const refusal = resolveBackend(inputs, route.namespace, reference);
    return refusal === undefined ? backend : { ...backend, invalid: refusal.message };
  });
}

/**
 * The routes of a service, by who calls it: those of the service's own
 * namespace hold for everybody (producer routes); those that another namespace
 * attached hold for callers there instead (consumer routes, GEP-1324).
 */
export interface RoutesByCaller {
  readonly producer: Routes;
  /** By the caller's namespace. */
  readonly consumers: Readonly<Record<string, Routes>>;
}

/** Splits the routes that are attached to a service by who they apply to. */
export function routesByCaller(inputs: RoutesInputs): RoutesByCaller {
  const byOwner = Map.groupBy(inputs.routes, (route) => route.namespace);
  const { namespace } = inputs.service;
  const producer = buildRoutes({ ...inputs, routes: byOwner.get(namespace) ?? [] });
  byOwner.delete(namespace);
  const consumers = [...byOwner].map(
    ([owner, routes]) => [owner, buildRoutes({ ...inputs, routes })] as const,
  );
  return { producer, consumers: Object.fromEntries(consumers) };
}
