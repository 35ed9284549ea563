import { compareRank } from './route-matches.ts';
import type { Backend, ConnectionRule, Policy } from './types.ts';

/** A rule of a TLSRoute or TCPRoute, with its backends resolved. */
export interface ConnectionRuleSource {
  readonly name: string;
  readonly kind: 'TLSRoute' | 'TCPRoute';
  /** Of the route; none means all. */
  readonly serverNames: readonly string[];
  readonly backends: readonly Backend[];
}

/**
 * The rules of a port for connections, in order of precedence. The Gateway API's
 * order of TLSRoutes: the longest exact name, then the longest name with a
 * wildcard; what ties stays in the order given, which is by age.
 */
export function buildConnectionRules(
  sources: readonly ConnectionRuleSource[],
  policy: Policy,
): ConnectionRule[] {
  const entries = sources.flatMap(({ name, kind, serverNames, backends }) => {
    const rule = {
      name,
      tlsOnly: kind === 'TLSRoute',
      backends,
      policy,
    };
    const names = serverNames.length === 0 ? [undefined] : serverNames;
    return names.map((serverName) => ({ serverName, rule, rank: rankOf(serverName) }));
  });
  entries.sort(compareRank);
  const rules: ConnectionRule[] = [];
  let start = 0;
  entries.forEach(({ rule }, position) => {
    if (entries[position + 1]?.rule === rule) return;
    const serverNames = entries
      .slice(start, position + 1)
      .flatMap(({ serverName }) => serverName ?? []);
    rules.push({ ...rule, serverNames });
    start = position + 1;
  });
  return rules;
}

function rankOf(serverName: string | undefined): number[] {
  if (serverName === undefined) return [0, 0];
  return [serverName.startsWith('*.') ? 1 : 2, serverName.length];
}
