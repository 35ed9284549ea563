import type { PathChange } from '../../config/filters.ts';
import type { HttpMatch } from '../../config/types.ts';
import { normalizePath } from '../../http1/target.ts';
import type { RequestHead } from '../../message.ts';

/** The path that a rule makes of a request's. */
export type ChangePath = (request: RequestHead) => string;

/**
 * A new prefix stands in the place of the one by which the rule took the request.
 * Whole segments are replaced, and what is left never begins with anything but `/`.
 *
 * @param matches of the rule: they name the prefix
 */
export function compilePathChange(change: PathChange, matches: readonly HttpMatch[]): ChangePath {
  if (change.kind === 'full') return () => change.value;
  const replacement = withoutEnd(change.value);
  const prefixes = matches.map(({ path }) =>
    path.kind === 'prefix' ? withoutEnd(normalizePath(path.value).path) : '',
  );
  // Of several that take a path, the longest is the one that is meant.
  prefixes.sort((a, b) => b.length - a.length);
  return ({ path }) => {
    const prefix = prefixes.find((candidate) => isBelow(path, candidate)) ?? '';
    const changed = replacement + path.slice(prefix.length);
    return changed === '' ? '/' : changed;
  };
}

function isBelow(path: string, prefix: string): boolean {
  return path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === '/');
}

function withoutEnd(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path;
}
