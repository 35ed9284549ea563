import type { Filters, Mirror } from '../../config/filters.ts';
import type { HttpMatch } from '../../config/types.ts';
import type { HttpTarget } from '../../route/route.ts';
import type { Layer } from '../layer.ts';
import { allowOrigins } from './cors.ts';
import { changeRequestHeaders, changeResponseHeaders } from './header-changes.ts';
import { mirrorTo } from './mirror.ts';
import { redirectTo } from './redirect.ts';
import { rewriteRequest } from './rewrite.ts';

/** Where filters stand. */
export interface FilterPlace {
  /** Of the rule. */
  readonly matches: readonly HttpMatch[];
  /** Of the service. */
  readonly calledPort: number;
  /** Where the copies of a mirror go. */
  readonly toMirror: (mirror: Mirror) => HttpTarget;
  readonly random: () => number;
}

/** The layers of a rule's filters, or of those of one of its backends. */
export function filterLayers(
  filters: Filters | undefined,
  { matches, calledPort, toMirror, random }: FilterPlace,
): readonly Layer[] {
  if (filters === undefined) return [];
  const { cors, redirect, rewrite, requestHeaders, responseHeaders, mirrors } = filters;
  const layers: Layer[] = [];
  // First, since a preflight asks about the rule and not for what it does; and so
  // last on the way back, where nothing may take away what browsers are told.
  if (cors !== undefined) layers.push(allowOrigins(cors));
  // The response of a redirect too.
  if (responseHeaders !== undefined) layers.push(changeResponseHeaders(responseHeaders));
  if (redirect !== undefined) layers.push(redirectTo(redirect, matches, calledPort));
  if (rewrite !== undefined) layers.push(rewriteRequest(rewrite, matches));
  if (requestHeaders !== undefined) layers.push(changeRequestHeaders(requestHeaders));
  for (const mirror of mirrors) layers.push(mirrorTo(mirror, toMirror(mirror), random));
  return layers;
}

/** A path is replaced by its prefix: then the rule decides by the path. */
export function looksAtPrefix(filters: Filters | undefined): boolean {
  return filters?.rewrite?.path?.kind === 'prefix' || filters?.redirect?.path?.kind === 'prefix';
}
