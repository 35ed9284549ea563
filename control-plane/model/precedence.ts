import type { HttpMatch } from './types.ts';

/** What decides between resources that want the same: the older, then the first by name. */
export interface Aged {
  readonly namespace: string;
  readonly name: string;
  /** RFC 3339, so that texts compare like times; empty in files. */
  readonly creationTimestamp: string;
}

export function compareAge(a: Aged, b: Aged): number {
  return (
    compareText(a.creationTimestamp, b.creationTimestamp) ||
    compareText(`${a.namespace}/${a.name}`, `${b.namespace}/${b.name}`)
  );
}

/**
 * The Gateway API's order of matches, most specific first: exact path, longest
 * prefix, a method, more headers, more query parameters.
 */
export function compareMatches(a: HttpMatch, b: HttpMatch): number {
  return (
    Number(b.path?.kind === 'exact') - Number(a.path?.kind === 'exact') ||
    (b.path?.value.length ?? 0) - (a.path?.value.length ?? 0) ||
    Number(b.method !== undefined) - Number(a.method !== undefined) ||
    b.headers.length - a.headers.length ||
    b.query.length - a.query.length
  );
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
