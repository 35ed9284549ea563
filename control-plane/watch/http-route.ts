import { z } from 'zod';
import { DURATION_PATTERN } from '../crds/duration.ts';
import { objectMeta, type Raw, record, records } from './raw.ts';
import type { KubernetesObject, WatchedKind } from './source.ts';
import { checkSpec } from './spec.ts';

/**
 * HTTPRoutes of the Gateway API, as far as they concern Services. What a Service
 * parent can have and Remora does not do yet makes a route invalid as a whole:
 * half a rule is worse than none.
 */
export interface HttpRouteObject extends KubernetesObject {
  /** The parents that are Services. Without one, the route is not ours. */
  readonly parentRefs: readonly ServiceParentRef[];
  readonly rules: readonly HttpRouteRule[];
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

export type HttpRouteRule = z.output<typeof ruleSchema>;
export type HttpRouteMatch = HttpRouteRule['matches'][number];
export type HttpRouteBackendRef = HttpRouteRule['backendRefs'][number];

const METHODS = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'TRACE',
  'PATCH',
] as const;

const duration = z
  .string()
  .regex(DURATION_PATTERN, 'is not a duration such as 250ms, 10s or 1h30m');

const valueMatch = z.strictObject({
  type: z.literal('Exact', 'is not supported; Exact is').default('Exact'),
  name: z.string().min(1).max(256),
  value: z.string().max(4096),
});

/** RFC 9110 §5.6.2 */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

const headerMatch = valueMatch.extend({
  name: z.string().max(256).regex(HEADER_NAME, 'is not the name of a header'),
});

const none = (what: string) => z.array(z.unknown()).max(0, `${what} are not supported`).optional();
const absent = (what: string) => z.undefined(`${what} is not supported`).optional();

const matchSchema = z.strictObject({
  path: z
    .strictObject({
      type: z
        .enum(['Exact', 'PathPrefix'], 'is not supported; Exact and PathPrefix are')
        .default('PathPrefix'),
      value: z.string().max(1024).startsWith('/', 'must start with "/"').default('/'),
    })
    .default({ type: 'PathPrefix', value: '/' }),
  method: z.enum(METHODS).optional(),
  headers: z.array(headerMatch).max(16).default([]),
  queryParams: z.array(valueMatch).max(16).default([]),
});

const backendRefSchema = z.strictObject({
  group: z.string().default(''),
  kind: z.string().default('Service'),
  namespace: z.string().optional(),
  name: z.string().min(1),
  port: z.int().min(1).max(65535).optional(),
  weight: z.int().min(0).max(1_000_000).default(1),
  filters: none('filters of a backend'),
});

const ruleSchema = z.strictObject({
  name: z.string().max(253).optional(),
  matches: z.array(matchSchema).max(64).default([]),
  filters: none('filters'),
  backendRefs: z.array(backendRefSchema).max(16).default([]),
  timeouts: z
    .strictObject({ request: duration.optional(), backendRequest: duration.optional() })
    .default({}),
  retry: absent('retry (use a TrafficPolicy)'),
  sessionPersistence: absent('sessionPersistence'),
});

const specSchema = z.object({
  rules: z
    .array(ruleSchema)
    .max(16)
    .default([{ matches: [], backendRefs: [], timeouts: {} }]),
});

export const httpRouteKind: WatchedKind<HttpRouteObject> = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute',
  plural: 'httproutes',
  optional: true,
  parse: (raw) => {
    const object = record(raw, []);
    const metadata = objectMeta(object, { versions: true, labels: () => false });
    const spec = record(object.spec, ['spec']);
    const base = {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata,
      status: record(object.status, ['status']),
    };
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
    const checked = checkSpec(specSchema, spec, 'UnsupportedValue');
    if ('invalid' in checked) return { ...base, parentRefs, rules: [], invalid: checked.invalid };
    return { ...base, parentRefs, rules: checked.spec.rules };
  },
};

function serviceParent(raw: Raw, ownNamespace: string): ServiceParentRef {
  return {
    namespace: typeof raw.namespace === 'string' ? raw.namespace : ownNamespace,
    name: typeof raw.name === 'string' ? raw.name : '',
    port: typeof raw.port === 'number' ? raw.port : undefined,
    sectionName: typeof raw.sectionName === 'string' ? raw.sectionName : undefined,
    raw,
  };
}
