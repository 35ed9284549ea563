import type { Filters } from '../../config/filters.ts';
import type { HttpMatch } from '../../config/types.ts';
import type { Layer } from '../layer.ts';
import { allowOrigins } from './cors.ts';
import { changeRequestHeaders, changeResponseHeaders } from './header-changes.ts';
import { redirectTo } from './redirect.ts';
import { rewriteRequest } from './rewrite.ts';

/**
 * The layers of a rule's filters, or of those of one of its backends.
 *
 * @param matches of the rule
 * @param calledPort of the service
 */
export function filterLayers(
  filters: Filters | undefined,
  matches: readonly HttpMatch[],
  calledPort: number,
): readonly Layer[] {
  if (filters === undefined) return [];
  const { cors, redirect, rewrite, requestHeaders, responseHeaders } = filters;
  const layers: Layer[] = [];
  // First, since a preflight asks about the rule and not for what it does; and so
  // last on the way back, where nothing may take away what browsers are told.
  if (cors !== undefined) layers.push(allowOrigins(cors));
  // The response of a redirect too.
  if (responseHeaders !== undefined) layers.push(changeResponseHeaders(responseHeaders));
  if (redirect !== undefined) layers.push(redirectTo(redirect, matches, calledPort));
  if (rewrite !== undefined) layers.push(rewriteRequest(rewrite, matches));
  if (requestHeaders !== undefined) layers.push(changeRequestHeaders(requestHeaders));
  return layers;
}

/** A path is replaced by its prefix: then the rule decides by the path. */
export function looksAtPrefix(filters: Filters | undefined): boolean {
  return filters?.rewrite?.path?.kind === 'prefix' || filters?.redirect?.path?.kind === 'prefix';
}
