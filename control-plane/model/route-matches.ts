import type {
  GrpcMethodMatch,
  RouteKind,
  RouteMatchSpec,
  RouteValueMatch,
} from '../watch/route.ts';
import type { HttpMatch, ValueMatch } from './types.ts';

/** A match, and where it stands among others. */
export interface RankedMatch {
  readonly match: HttpMatch;
  /** Compared from the first number on: the greater goes first. */
  readonly rank: readonly number[];
}

/** At least one. */
export function toMatches(matches: readonly RouteMatchSpec[], kind: RouteKind): RankedMatch[] {
  if (matches.length === 0) return [rank({ headers: [], query: [] })];
  return matches.map((spec) => {
    const match = toMatch(spec);
    return kind === 'GRPCRoute' ? rankGrpc(match, spec.grpcMethod) : rank(match);
  });
}

/**
 * The Gateway API's order: an exact path, the longest prefix, a method, more
 * headers, more query parameters. It leaves the place of expressions open; here
 * they stand before prefixes, since behind them the prefix `/` would take all.
 */
function rank(match: HttpMatch): RankedMatch {
  const { path, method, headers, query } = match;
  const kind = path?.kind === 'exact' ? 2 : path?.kind === 'expression' ? 1 : 0;
  const length = path?.value.length ?? 0;
  return {
    match,
    rank: [kind, length, method === undefined ? 0 : 1, headers.length, query.length],
  };
}

/** The order of GRPCRoutes: the longest service, the longest method, more headers. */
function rankGrpc(match: HttpMatch, grpc: GrpcMethodMatch | undefined): RankedMatch {
  const exact = grpc?.type === 'Exact' ? 1 : 0;
  const lengths = [grpc?.service?.length ?? 0, grpc?.method?.length ?? 0];
  return { match, rank: [exact, ...lengths, match.headers.length] };
}

/** For a stable sort: what ties stays by age, then in the order of the rules. */
export function compareRank(a: Pick<RankedMatch, 'rank'>, b: Pick<RankedMatch, 'rank'>): number {
  for (let i = 0; i < a.rank.length; i++) {
    const difference = (b.rank[i] ?? 0) - (a.rank[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function toMatch(spec: RouteMatchSpec): HttpMatch {
  const { method } = spec;
  return {
    ...(spec.grpcMethod === undefined ? pathOf(spec.path) : grpcPathOf(spec.grpcMethod)),
    ...(method === undefined ? {} : { method }),
    headers: firstOfEachName(
      spec.headers.map((header) => toValue({ ...header, name: header.name.toLowerCase() })),
    ),
    query: firstOfEachName(spec.queryParams.map(toValue)),
  };
}

function pathOf(path: RouteMatchSpec['path']): Pick<HttpMatch, 'path'> {
  if (path === undefined) return {};
  const { type, value } = path;
  if (type === 'Exact') return { path: { kind: 'exact', value } };
  if (type === 'RegularExpression') return { path: { kind: 'expression', value } };
  // By segment, "/a/" takes what "/a" takes; and "/" takes everything.
  const prefix = value.replace(/\/+$/, '');
  return prefix === '' ? {} : { path: { kind: 'prefix', value: prefix } };
}

/** A call's path is `/<service>/<method>`. */
function grpcPathOf({ type, service, method }: GrpcMethodMatch): Pick<HttpMatch, 'path'> {
  if (type === 'Exact' && service !== undefined) {
    return method === undefined
      ? { path: { kind: 'prefix', value: `/${service}` } }
      : { path: { kind: 'exact', value: `/${service}/${method}` } };
  }
  const part = (text: string | undefined) => (text === undefined ? '[^/]+' : `(?:${text})`);
  return { path: { kind: 'expression', value: `/${part(service)}/${part(method)}` } };
}

function toValue({ type, name, value }: RouteValueMatch): ValueMatch {
  return type === 'Exact' ? { name, exact: value } : { name, expression: value };
}

/** The Gateway API lets only the first of equal names count. */
function firstOfEachName(matches: readonly ValueMatch[]): ValueMatch[] {
  return matches.filter(
    (match, position) => matches.findIndex((other) => other.name === match.name) === position,
  );
}
