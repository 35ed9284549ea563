import { MeshError } from '../../runtime/errors.ts';
import type { Backend, HttpRule, PortRoutes } from '../config/types.ts';
import type { RequestHead } from '../message.ts';
import { looksAtPrefix } from '../policy/filters/filter-layers.ts';
import { looksAtPath, unmetConditions } from './match.ts';
import { indexMatches } from './match-index.ts';
import type { Route, RouteDecision, RouteTable } from './route.ts';
import { Split } from './split.ts';

/** A rule, ready to be asked. */
interface CompiledRule {
  readonly rule: HttpRule;
  readonly backends: Split<Route | MeshError>;
  readonly empty: MeshError;
}

/** Makes the routes that a table hands out. */
export interface RouteFactory {
  /** To a backend of a rule. */
  toBackend(rule: HttpRule, backend: Extract<Backend, { kind: 'service' }>): Route;
  /** For a rule whose filters answer in the place of any backend. */
  toAnswer(rule: HttpRule): Route;
  /** To the service itself, for requests that no rule took. */
  toService(routes: PortRoutes): Route;
}

/**
 * The rules of one service port, compiled. They stand in the order of precedence
 * that the control plane gave them: the first match is taken.
 *
 * @param random from 0 up to, not including, 1
 */
export function compileRoutes(
  routes: PortRoutes,
  factory: RouteFactory,
  random: () => number = Math.random,
): RouteTable {
  const rules = routes.rules.map((rule) => compileRule(rule, factory));
  const find = indexMatches(routes.rules.map(({ matches }) => matches));
  const fallback = routes.routeBound
    ? new MeshError('no-route', 'no rule of the routes of this service matches the request')
    : factory.toService(routes);
  const decidesByPath = routes.rules.some(
    (rule) => rule.matches.some(looksAtPath) || replacesPrefix(rule),
  );
  return {
    decidesByPath,
    select(head) {
      if (decidesByPath && head.ambiguousPath) return AMBIGUOUS;
      const rule = rules[find(head)];
      if (rule === undefined) return fallback;
      return rule.backends.pick(random()) ?? rule.empty;
    },
    explain(head) {
      const ambiguous = decidesByPath && head.ambiguousPath;
      const at = ambiguous ? 0 : find(head);
      const taken = ambiguous ? undefined : rules[at];
      const asked = rules.slice(0, at < 0 ? rules.length : at);
      return {
        passed: asked.map(({ rule }) => ({ rule, reasons: reasonsAgainst(rule, head) })),
        taken: taken?.rule,
        unasked: rules.slice(asked.length + (taken === undefined ? 0 : 1)).map(({ rule }) => rule),
        choices:
          taken === undefined ? certainly(ambiguous ? AMBIGUOUS : fallback) : choicesOf(taken),
      };
    },
  };
}

/** One sentence for each match of the rule. */
function reasonsAgainst(rule: HttpRule, head: RequestHead): string[] {
  return rule.matches.map((match) => unmetConditions(match, head).join(', and '));
}

function choicesOf({ backends, empty }: CompiledRule): RouteDecision['choices'] {
  const { entries } = backends;
  return entries.some(({ weight }) => weight > 0) ? entries : certainly(empty);
}

function certainly(item: Route | MeshError): RouteDecision['choices'] {
  return [{ item, weight: 1 }];
}

const AMBIGUOUS = new MeshError(
  'ambiguous-path',
  'the path holds an encoded slash or another spelling that servers read differently',
);

function compileRule(rule: HttpRule, factory: RouteFactory): CompiledRule {
  const entries = rule.backends.map((backend) => ({
    weight: backend.weight,
    item:
      backend.kind === 'service'
        ? factory.toBackend(rule, backend)
        : new MeshError('invalid-backend', `a backend of rule ${rule.name}: ${backend.reason}`),
  }));
  // What is redirected needs no backend.
  if (entries.length === 0 && rule.filters?.redirect !== undefined) {
    entries.push({ weight: 1, item: factory.toAnswer(rule) });
  }
  return {
    rule,
    backends: new Split<Route | MeshError>(entries),
    empty: new MeshError('invalid-backend', `rule ${rule.name} has no backend with a weight`),
  };
}

function replacesPrefix({ filters, backends }: HttpRule): boolean {
  return (
    looksAtPrefix(filters) ||
    backends.some((backend) => backend.kind === 'service' && looksAtPrefix(backend.filters))
  );
}

/** For a destination without rules: everything takes the same way. */
export function singleRoute(route: Route): RouteTable {
  return {
    decidesByPath: false,
    select: () => route,
    explain: () => ({ passed: [], taken: undefined, unasked: [], choices: certainly(route) }),
  };
}
