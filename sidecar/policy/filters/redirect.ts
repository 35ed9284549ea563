import { Answer } from '../../answer.ts';
import type { Redirect } from '../../config/filters.ts';
import type { HttpMatch } from '../../config/types.ts';
import type { Layer } from '../layer.ts';
import { compilePathChange } from './path-change.ts';

const DEFAULT_PORT: Readonly<Record<string, number>> = { http: 80, https: 443 };

/** Between sidecar and application nothing else is spoken. */
const OWN_SCHEME = 'http';

/**
 * Answers with another place to ask. What the rule does not name is as the client
 * asked for it; its query goes along.
 *
 * @param calledPort of the service
 */
export function redirectTo(
  redirect: Redirect,
  matches: readonly HttpMatch[],
  calledPort: number,
): Layer {
  const { hostname, path } = redirect;
  const scheme = redirect.scheme ?? OWN_SCHEME;
  const ofScheme = redirect.scheme === undefined ? calledPort : DEFAULT_PORT[redirect.scheme];
  const port = redirect.port ?? ofScheme ?? calledPort;
  const portPart = port === DEFAULT_PORT[scheme] ? '' : `:${port}`;
  const changePath = path === undefined ? undefined : compilePathChange(path, matches);
  return {
    name: 'redirect',
    onRequest(exchange) {
      const { request } = exchange;
      const host = hostname ?? bracketed(request.host === '' ? exchange.authority : request.host);
      const newPath = changePath === undefined ? request.path : changePath(request);
      const query = request.query === undefined ? '' : `?${request.query}`;
      const answer = new Answer(redirect.status);
      answer.addField('location', `${scheme}://${host}${portPart}${newPath}${query}`);
      return answer;
    },
  };
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
