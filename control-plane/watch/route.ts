import { z } from 'zod';
import { TOKEN } from '../../proto/token.ts';
import { expressionProblem } from '../../runtime/regular-expression.ts';
import { objectMeta, type Raw, record, records } from './raw.ts';
import type { RouteFilter } from './route-filters.ts';
import type { sessionPersistence } from './session-persistence.ts';
import type { KubernetesObject, WatchedKind } from './source.ts';
import { checkSpec } from './spec.ts';

/**
 * A route of the Gateway API, as far as it concerns Services. What a Service
 * parent can have and Remora does not do makes a route invalid as a whole: half a
 * rule is worse than none.
 */
export interface RouteObject extends KubernetesObject {
  readonly kind: RouteKind;
  /** The parents that are Services. Without one, the route is not ours. */
  readonly parentRefs: readonly ServiceParentRef[];
  readonly rules: readonly RouteRuleSpec[];
  /** Some rules cannot be followed, and the others are in force: a sentence about them. */
  readonly dropped?: string;
  /** Of a TLSRoute: server names that it takes; none means all. */
  readonly hostnames?: readonly string[];
  /** As read, with the entries of other controllers. */
  readonly status: Raw;
}

export interface ServiceParentRef {
  readonly namespace: string;
  readonly name: string;
  readonly port: number | undefined;
  /** The name of a port. */
  readonly sectionName: string | undefined;
  /** As it stands in the spec; the status repeats it. */
  readonly raw: Raw;
}

/** The more specific first: where several have one port of a Service, the first of them has it (GEP-1294). */
export const ROUTE_KINDS = ['GRPCRoute', 'HTTPRoute', 'TLSRoute', 'TCPRoute'] as const;
export type RouteKind = (typeof ROUTE_KINDS)[number];

/** A rule of any kind. */
export interface RouteRuleSpec {
  readonly name?: string | undefined;
  /** Empty: every request. */
  readonly matches: readonly RouteMatchSpec[];
  readonly filters: readonly RouteFilter[];
  readonly backendRefs: readonly RouteBackendRef[];
  readonly timeouts?: {
    readonly request?: string | undefined;
    readonly backendRequest?: string | undefined;
  };
  readonly retry?: RouteRetry | undefined;
  readonly sessionPersistence?: z.output<typeof sessionPersistence> | undefined;
  /** Why the rule cannot be followed: what it matches is answered with 500. */
  readonly invalid?: string;
}

export interface RouteRetry {
  readonly codes: readonly number[];
  readonly attempts: number;
  readonly backoff?: string | undefined;
}

/** A match in the terms of HTTP, or a method of gRPC. */
export interface RouteMatchSpec {
  readonly path?: { readonly type: MatchType; readonly value: string };
  readonly method?: string | undefined;
  readonly grpcMethod?: GrpcMethodMatch | undefined;
  readonly headers: readonly RouteValueMatch[];
  readonly queryParams: readonly RouteValueMatch[];
}

type MatchType = 'Exact' | 'PathPrefix' | 'RegularExpression';

export interface GrpcMethodMatch {
  readonly type: 'Exact' | 'RegularExpression';
  /** Of service and method at least one is given. */
  readonly service?: string | undefined;
  readonly method?: string | undefined;
}

export interface RouteValueMatch {
  readonly type: 'Exact' | 'RegularExpression';
  readonly name: string;
  readonly value: string;
}

export type RouteBackendRef = z.output<typeof backendRef> & {
  readonly filters: readonly RouteFilter[];
};

/** What both kinds name their backends by. */
export const backendRef = z.strictObject({
  group: z.string().default(''),
  kind: z.string().default('Service'),
  namespace: z.string().optional(),
  name: z.string().min(1),
  port: z.int().min(1).max(65535).optional(),
  weight: z.int().min(0).max(1_000_000).default(1),
});

export const valueMatch = z
  .strictObject({
    type: z
      .enum(['Exact', 'RegularExpression'], 'is not supported; Exact and RegularExpression are')
      .default('Exact'),
    name: z.string().min(1).max(256),
    value: z.string().max(4096),
  })
  .check((context) => {
    const { type, value } = context.value;
    if (type === 'RegularExpression') checkExpression(value, ['value'], context.issues);
  });

export const headerMatch = valueMatch.refine(({ name }) => TOKEN.test(name), {
  message: 'is not the name of a header',
  path: ['name'],
});

/** An issue, when the text is no regular expression. */
export function checkExpression(
  expression: string,
  path: string[],
  issues: z.core.$ZodRawIssue[],
): void {
  const message = expressionProblem(expression);
  if (message !== undefined) issues.push({ code: 'custom', message, input: expression, path });
}

const API_VERSION = 'gateway.networking.k8s.io/v1';

type RouteSpecSchema = z.ZodType<{ rules: RouteRuleSpec[]; hostnames?: string[] }>;

/** A kind of route whose rules have the given schema. A cluster may not have it. */
export function routeKind(
  kind: RouteObject['kind'],
  plural: string,
  schema: RouteSpecSchema,
  apiVersion = API_VERSION,
): WatchedKind<RouteObject> {
  const parse = (raw: unknown): RouteObject => parseRoute(raw, { apiVersion, kind }, schema);
  return { apiVersion, kind, plural, optional: true, parse };
}

function parseRoute(
  raw: unknown,
  type: Pick<RouteObject, 'apiVersion' | 'kind'>,
  schema: RouteSpecSchema,
): RouteObject {
  const object = record(raw, []);
  const metadata = objectMeta(object, { versions: true, labels: () => false });
  const spec = record(object.spec, ['spec']);
  const base = { ...type, metadata, status: record(object.status, ['status']) };
  const parentRefs = records(spec.parentRefs, ['spec', 'parentRefs'])
    .filter((ref) => ref.kind === 'Service')
    .map((ref) => serviceParent(ref, metadata.namespace));
  // Routes of gateways alone may hold anything.
  if (parentRefs.length === 0) return { ...base, parentRefs, rules: [] };
  const ungrouped = parentRefs.find((parent) => parent.raw.group !== '');
  if (ungrouped !== undefined) {
    // Elsewhere the API server fills in the group of gateways, and such a route does nothing.
    const message = 'spec.parentRefs: a Service as parent needs group: ""';
    const invalid = { reason: 'UnsupportedValue', message, path: ['spec', 'parentRefs'] };
    return { ...base, parentRefs, rules: [], invalid };
  }
  const checked = checkSpec(schema, spec, 'UnsupportedValue');
  if ('invalid' in checked) {
    const partly = checkRules(schema, spec);
    if (partly !== undefined) return { ...base, parentRefs, ...partly };
    return { ...base, parentRefs, rules: [], invalid: checked.invalid };
  }
  return { ...base, parentRefs, ...checked.spec };
}

/**
 * The rules of a route of which some can be followed and some cannot. One whose
 * matches are understood stays, to answer with an error: a filter must not be
 * skipped, nor may its requests fall to the next rule. Undefined when nothing is
 * left, or the fault lies elsewhere.
 */
function checkRules(
  schema: RouteSpecSchema,
  spec: Raw,
): Pick<RouteObject, 'rules' | 'dropped'> | undefined {
  const raw = records(spec.rules, ['spec', 'rules']);
  /** The route with this rule alone, at its place. */
  const check = (rule: Raw, position: number) =>
    checkSpec(
      schema,
      { ...spec, rules: raw.map((_, other) => (other === position ? rule : {})) },
      'UnsupportedValue',
    );
  const faults: string[] = [];
  const rules = raw.flatMap((rule, position): RouteRuleSpec[] => {
    const checked = check(rule, position);
    const fault = 'invalid' in checked ? checked.invalid.message : undefined;
    if (fault !== undefined) faults.push(fault);
    const { name, matches } = rule;
    const bare = { ...(name === undefined ? {} : { name }), matches };
    const read = fault === undefined ? checked : check(bare, position);
    const kept = 'invalid' in read ? undefined : read.spec.rules[position];
    if (kept === undefined) return [];
    // Its place is its name, also where others before it are gone.
    const named = { ...kept, name: kept.name ?? String(position) };
    return [fault === undefined ? named : { ...named, invalid: fault }];
  });
  if (!rules.some(({ invalid }) => invalid === undefined)) return undefined;
  return { rules, dropped: faults.join('; ') };
}

function serviceParent(raw: Raw, ownNamespace: string): ServiceParentRef {
  return {
    namespace: typeof raw.namespace === 'string' ? raw.namespace : ownNamespace,
    name: typeof raw.name === 'string' ? raw.name : '',
    port: typeof raw.port === 'number' ? raw.port : undefined,
    sectionName: typeof raw.sectionName === 'string' ? raw.sectionName : undefined,
    raw,
  };
}
