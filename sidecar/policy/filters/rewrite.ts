import type { Rewrite } from '../../config/filters.ts';
import type { HttpMatch } from '../../config/types.ts';
import type { Layer } from '../layer.ts';
import { compilePathChange } from './path-change.ts';

/** Asks the backend under another name, for another path, or both; the query stays. */
export function rewriteRequest({ hostname, path }: Rewrite, matches: readonly HttpMatch[]): Layer {
  const changePath = path === undefined ? undefined : compilePathChange(path, matches);
  return {
    name: 'rewrite',
    onRequest({ request }) {
      if (hostname !== undefined) request.rewriteAuthority(hostname);
      if (changePath !== undefined) request.rewritePath(changePath(request));
      return undefined;
    },
  };
}
