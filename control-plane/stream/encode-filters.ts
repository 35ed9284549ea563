import type { Filters as FiltersMessage } from '../../proto/gen/remora/v1/Filters.ts';
import type { HeaderChanges as HeaderChangesMessage } from '../../proto/gen/remora/v1/HeaderChanges.ts';
import type { PathChange as PathChangeMessage } from '../../proto/gen/remora/v1/PathChange.ts';
import type { Filters, HeaderChanges, PathChange } from '../model/types.ts';

/** The part of encode.ts that writes filters. */
export function filtersMessage(filters: Filters): FiltersMessage {
  const { requestHeaders, responseHeaders, redirect, rewrite, cors, mirrors } = filters;
  return {
    ...(requestHeaders && { requestHeaders: headersMessage(requestHeaders) }),
    ...(responseHeaders && { responseHeaders: headersMessage(responseHeaders) }),
    ...(redirect && { redirect: withPath(redirect) }),
    ...(rewrite && { rewrite: withPath(rewrite) }),
    ...(cors && {
      cors: {
        ...cors,
        allowOrigins: [...cors.allowOrigins],
        allowMethods: [...cors.allowMethods],
        allowHeaders: [...cors.allowHeaders],
        exposeHeaders: [...cors.exposeHeaders],
      },
    }),
    mirrors: [...mirrors],
  };
}

function headersMessage({ set, add, remove }: HeaderChanges): HeaderChangesMessage {
  return { set: [...set], add: [...add], remove: [...remove] };
}

function withPath<T extends { readonly path?: PathChange }>({ path, ...rest }: T) {
  return { ...rest, ...(path && { path: pathMessage(path) }) };
}

function pathMessage({ kind, value }: PathChange): PathChangeMessage {
  return kind === 'full' ? { full: value } : { prefix: value };
}
