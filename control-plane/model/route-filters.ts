import type { RouteFilter } from '../watch/route-filters.ts';
import {
  type Reference,
  type ReferenceInputs,
  type Referrer,
  resolveBackend,
} from './references.ts';
import type { Filters, Mirror, PathChange } from './types.ts';

/** Filters as a rule has them, before it is known whether their mirrors are there. */
export interface RouteFilters {
  readonly filters: Omit<Filters, 'mirrors'>;
  readonly mirrors: readonly RouteMirror[];
}

export interface RouteMirror extends Reference {
  readonly numerator: number;
  readonly denominator: number;
}

/** @param namespace of the route */
export function toFilters(filters: readonly RouteFilter[], namespace: string): RouteFilters {
  return {
    filters: Object.assign({}, ...filters.map(toFilter)) as RouteFilters['filters'],
    mirrors: mirrorsOf(filters, namespace),
  };
}

/** Undefined where there is nothing to do. Mirrors that cannot be used are left out (the status tells). */
export function resolveFilters(
  { filters, mirrors }: RouteFilters,
  inputs: ReferenceInputs,
  from: Referrer,
): Filters | undefined {
  const usable = mirrors.flatMap((mirror): Mirror[] => {
    if (resolveBackend(inputs, from, mirror) !== undefined) return [];
    const { namespace, name, port = 0, numerator, denominator } = mirror;
    return [{ service: `${namespace}/${name}`, port, numerator, denominator }];
  });
  if (usable.length === 0 && Object.keys(filters).length === 0) return undefined;
  return { ...filters, mirrors: usable };
}

/** The services that get copies. */
export function mirrorsOf(filters: readonly RouteFilter[], namespace: string): RouteMirror[] {
  return filters.flatMap((filter) => {
    if (filter.type !== 'RequestMirror') return [];
    const { backendRef, percent = 100, fraction } = filter.requestMirror;
    const { group, kind, name, port } = backendRef;
    return [
      {
        ...{ group, kind, name, port },
        namespace: backendRef.namespace ?? namespace,
        ...(fraction ?? { numerator: percent, denominator: 100 }),
      },
    ];
  });
}

function toFilter(filter: RouteFilter): Omit<Filters, 'mirrors'> {
  switch (filter.type) {
    case 'RequestHeaderModifier':
      return { requestHeaders: filter.requestHeaderModifier };
    case 'ResponseHeaderModifier':
      return { responseHeaders: filter.responseHeaderModifier };
    case 'RequestRedirect': {
      const { path, statusCode, ...named } = filter.requestRedirect;
      return { redirect: { ...given(named), ...pathOf(path), status: statusCode } };
    }
    case 'URLRewrite': {
      const { path, ...named } = filter.urlRewrite;
      return { rewrite: { ...given(named), ...pathOf(path) } };
    }
    case 'CORS': {
      const { maxAge, ...cors } = filter.cors;
      return { cors: { ...cors, maxAgeSeconds: maxAge } };
    }
    case 'RequestMirror':
      return {};
  }
}

type PathModifier = Extract<RouteFilter, { type: 'URLRewrite' }>['urlRewrite']['path'];

function pathOf(path: PathModifier): { path?: PathChange } {
  if (path === undefined) return {};
  return path.type === 'ReplaceFullPath'
    ? { path: { kind: 'full', value: path.replaceFullPath === '' ? '/' : path.replaceFullPath } }
    : { path: { kind: 'prefix', value: path.replacePrefixMatch } };
}

/** Without the fields that are undefined. */
function given<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}
