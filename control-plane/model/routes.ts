import {
  ROUTE_KINDS,
  type RouteKind,
  type RouteObject,
  type RouteRuleSpec,
} from '../watch/route.ts';
import { affinity } from './affinity.ts';
import {
  type AttachedPolicy,
  decidingPolicies,
  type PolicySettings,
  settle,
  type TargetKey,
} from './attachment.ts';
import { withOwnPolicy } from './backend-policy.ts';
import { buildConnectionRules, type ConnectionRuleSource } from './connection-rules.ts';
import { ruleSettings, toSession } from './policies.ts';
import { type Aged, compareAge } from './precedence.ts';
import { atCaller, sharedIn } from './rate-limits.ts';
import { type Reference, type ReferenceInputs, resolveBackend } from './references.ts';
import { type RouteFilters, resolveFilters, toFilters } from './route-filters.ts';
import { compareRank, type RankedMatch, toMatches } from './route-matches.ts';
import type {
  Backend,
  HttpRule,
  Policy,
  Port,
  PortRoutes,
  Protocol,
  Routes,
  Service,
  SessionPersistence,
} from './types.ts';

/** A route of any kind in the model's terms. */
export interface Route extends Aged {
  readonly kind: RouteKind;
  readonly parents: readonly ParentRef[];
  readonly rules: readonly RouteRule[];
  /** Of a TLSRoute; none means all. */
  readonly serverNames: readonly string[];
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
  readonly matches: readonly RankedMatch[];
  /** Empty: the parent itself. */
  readonly backends: readonly RouteBackend[];
  readonly settings: PolicySettings;
  readonly filters: RouteFilters;
  readonly session?: SessionPersistence;
  /** Why it cannot be followed. */
  readonly invalid?: string;
}

interface RouteBackend extends Reference {
  readonly weight: number;
  readonly filters: RouteFilters;
}

/** Undefined when the object cannot be understood or has no Service as parent. */
export function toRoute(object: RouteObject): Route | undefined {
  const { kind, invalid, metadata, parentRefs, rules } = object;
  if (invalid !== undefined) return undefined;
  const { namespace, name, creationTimestamp } = metadata;
  return {
    kind,
    namespace,
    name,
    creationTimestamp,
    parents: parentRefs.map((parent) => ({
      service: `${parent.namespace}/${parent.name}`,
      port: parent.port,
      portName: parent.sectionName,
    })),
    rules: rules.map((rule, position) => toRule(rule, position, { kind, namespace, name })),
    serverNames: object.hostnames ?? [],
  };
}

function toRule(
  rule: RouteRuleSpec,
  position: number,
  route: Pick<Route, 'kind' | 'namespace' | 'name'>,
): RouteRule {
  const { kind, namespace } = route;
  return {
    name: `${kind}/${namespace}/${route.name}/${rule.name ?? position}`,
    matches: toMatches(rule.matches, kind),
    backends: rule.backendRefs.map((ref) => ({
      group: ref.group,
      kind: ref.kind,
      namespace: ref.namespace ?? namespace,
      name: ref.name,
      port: ref.port,
      weight: ref.weight,
      filters: toFilters(ref.filters, namespace),
    })),
    ...(rule.invalid !== undefined && { invalid: rule.invalid }),
    ...(rule.sessionPersistence && { session: toSession(rule.sessionPersistence) }),
    settings: ruleSettings(rule),
    filters: toFilters(rule.filters, namespace),
  };
}

/** What the rules of a service are made from. */
export interface RoutesInputs extends ReferenceInputs {
  readonly service: Service;
  /** The routes that are attached to the service and apply to the caller. */
  readonly routes: readonly Route[];
  readonly policies: (target: TargetKey) => readonly AttachedPolicy[];
}

/** The rules of a service, by port, in order of precedence. */
export function buildRoutes(inputs: RoutesInputs): Routes {
  const service = `${inputs.service.namespace}/${inputs.service.name}`;
  const policies = atCaller(inputs.policies);
  const place = { service: inputs.service };
  const deciding = decidingPolicies(place, policies);
  const policy = settle(affinity(place, inputs.service, deciding) ?? {}, deciding);
  return {
    kind: 'routes',
    service,
    ports: inputs.service.ports.map((port) =>
      buildPort({ ...inputs, policies }, service, port, policy),
    ),
  };
}

function buildPort(
  inputs: RoutesInputs,
  service: string,
  port: Port,
  servicePolicy: Policy,
): PortRoutes {
  const attached = attachedTo(inputs.routes, service, port).sort(compareAge);
  const connections = attached.flatMap((route) => connectionSources(inputs, route, service, port));
  if (connections.length > 0) {
    const connectionRules = buildConnectionRules(connections, servicePolicy);
    return { port: port.port, routeBound: true, rules: [], policy: servicePolicy, connectionRules };
  }
  const entries = attached.flatMap((route) => {
    const place = { service: inputs.service, route };
    const deciding = decidingPolicies(place, inputs.policies);
    const affine = affinity(place, inputs.service, deciding);
    return route.rules.flatMap((rule) => {
      const policy = sharedIn(settle({ ...affine, ...rule.settings }, deciding), route);
      const filters = resolveFilters(rule.filters, inputs, route);
      const backends = backendsOf(inputs, route, rule, service, port.port);
      const { name, session } = rule;
      const built = {
        name,
        backends,
        policy,
        ...(filters && { filters }),
        ...(session && { session }),
      };
      return rule.matches.map((ranked) => ({ ...ranked, rule: built }));
    });
  });
  entries.sort(compareRank);
  return {
    port: port.port,
    routeBound: attached.length > 0,
    rules: gather(entries),
    policy: servicePolicy,
  };
}

/** The rules of a route that takes connections as a whole; none of any other. */
function connectionSources(
  inputs: RoutesInputs,
  route: Route,
  service: string,
  { port }: Port,
): ConnectionRuleSource[] {
  const { kind, serverNames } = route;
  if (kind !== 'TLSRoute' && kind !== 'TCPRoute') return [];
  return route.rules.map((rule) => ({
    ...{ name: rule.name, kind, serverNames },
    backends: backendsOf(inputs, route, rule, service, port),
  }));
}

/** Where several kinds of routes want a port, only those of the most specific kind have it. */
function attachedTo(routes: readonly Route[], service: string, port: Port): Route[] {
  const kind = kindInForce(routes, service, port);
  return routes.filter((route) => route.kind === kind && wants(route, service, port));
}

/** Of the kinds of routes that want a port the one that has it. */
export function kindInForce(
  routes: readonly Route[],
  service: string,
  port: Port,
): RouteKind | undefined {
  return ROUTE_KINDS.find((kind) =>
    routes.some((route) => route.kind === kind && wants(route, service, port)),
  );
}

function wants(route: Route, service: string, port: Port): boolean {
  return route.parents.some(
    (parent) => parent.service === service && attaches(parent, port, route.kind),
  );
}

/** The routes that decide for some caller of a service, of those that name it as a parent. */
export function routesInForce(service: Service, routes: readonly Route[]): Route[] {
  const key = `${service.namespace}/${service.name}`;
  const found = new Set<Route>();
  for (const own of Map.groupBy(routes, (route) => route.namespace).values()) {
    for (const port of service.ports) {
      for (const route of attachedTo(own, key, port)) found.add(route);
    }
  }
  return [...found];
}

/** Matches of one rule that follow one another become one rule again. */
function gather(
  entries: readonly (RankedMatch & { rule: Omit<HttpRule, 'matches'> })[],
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

/** What was declared of the ports that a kind of route may take. */
const CARRIES: Readonly<Record<RouteKind, ReadonlySet<Protocol>>> = {
  GRPCRoute: new Set(['detect', 'http2', 'grpc']),
  HTTPRoute: new Set(['detect', 'http1', 'http2', 'grpc']),
  TLSRoute: new Set(['detect', 'tls', 'tcp']),
  TCPRoute: new Set(['detect', 'tls', 'tcp']),
};

/** Whether a parent reference means a port, which must be one that can carry what the route is about. */
export function attaches(parent: ParentRef, port: Port, kind: RouteKind): boolean {
  if (!CARRIES[kind].has(port.protocol)) return false;
  if (parent.port !== undefined && parent.port !== port.port) return false;
  return parent.portName === undefined || parent.portName === port.name;
}

/** Whether a route of the service's own namespace has this very port as a parent. */
export function namesPort(routes: readonly Route[], service: string, port: Port): boolean {
  return routes.some(
    (route) =>
      service.startsWith(`${route.namespace}/`) &&
      route.parents.some(
        (parent) =>
          parent.service === service &&
          (parent.port ?? parent.portName) !== undefined &&
          attaches(parent, port, route.kind),
      ),
  );
}

function backendsOf(
  inputs: Omit<RoutesInputs, 'routes'>,
  route: Route,
  rule: RouteRule,
  service: string,
  port: number,
): Backend[] {
  if (rule.invalid !== undefined) return [{ service, port, weight: 1, invalid: rule.invalid }];
  if (rule.backends.length === 0) return [{ service, port, weight: 1 }];
  return rule.backends.map((reference) => {
    const backend = {
      service: `${reference.namespace}/${reference.name}`,
      port: reference.port ?? 0,
      weight: reference.weight,
    };
    const refusal = resolveBackend(inputs, route, reference);
    if (refusal !== undefined) return { ...backend, invalid: refusal.message };
    const filters = resolveFilters(reference.filters, inputs, route);
    // What the parent says is said already.
    const whole =
      backend.service === service
        ? backend
        : withOwnPolicy(backend, inputs.policies, inputs.serviceOf);
    return filters === undefined ? whole : { ...whole, filters };
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
