import { compileRegularExpression } from '../../runtime/regular-expression.ts';
import type { HttpMatch, PathMatch, ValueMatch } from '../config/types.ts';
import { normalizePath } from '../http1/target.ts';
import type { RequestHead } from '../message.ts';
import { queryValue } from './query.ts';

/** Decides whether a request is meant. */
export type Matcher = (head: RequestHead) => boolean;

/** One thing that a match asks for. */
interface Condition {
  readonly holds: Matcher;
  /** What a request has instead, when it does not hold. */
  readonly unmet: (head: RequestHead) => string;
}

/** All conditions of a match must hold. */
export function compileMatch(match: HttpMatch): Matcher {
  const conditions = conditionsOf(match).map(({ holds }) => holds);
  if (conditions.length === 1 && conditions[0] !== undefined) return conditions[0];
  return (head) => {
    for (const condition of conditions) if (!condition(head)) return false;
    return true;
  };
}

/** Any of them; none means every request. */
export function compileMatches(matches: readonly HttpMatch[]): Matcher {
  const matchers = matches.map(compileMatch);
  return (head) => matchers.length === 0 || matchers.some((matcher) => matcher(head));
}

/** Why a match does not take a request, a sentence for each condition; empty when it does. */
export function unmetConditions(match: HttpMatch, head: RequestHead): string[] {
  return conditionsOf(match)
    .filter(({ holds }) => !holds(head))
    .map(({ unmet }) => unmet(head));
}

/** The path decides: `any` and the prefix `/` take every path. */
export function looksAtPath(match: HttpMatch): boolean {
  return compilePath(match.path) !== undefined;
}

function conditionsOf(match: HttpMatch): Condition[] {
  const conditions: Condition[] = [];
  const path = compilePath(match.path);
  if (path !== undefined) {
    const unmet = (head: RequestHead) =>
      `the path is ${head.path}, not ${describePath(match.path)}`;
    conditions.push({ holds: path, unmet });
  }
  const { method } = match;
  if (method !== undefined) {
    const unmet = (head: RequestHead) => `the method is ${head.method}, not ${method}`;
    conditions.push({ holds: (head) => head.method === method, unmet });
  }
  for (const header of match.headers) {
    const found = (head: RequestHead) => head.header(header.name.toLowerCase());
    const unmet = (head: RequestHead) => describeValue('header', header, found(head));
    conditions.push({ holds: compileHeader(header), unmet });
  }
  for (const parameter of match.query) {
    const found = (head: RequestHead) => queryValue(head.query, parameter.name);
    const unmet = (head: RequestHead) => describeValue('query parameter', parameter, found(head));
    conditions.push({ holds: compileParameter(parameter), unmet });
  }
  return conditions;
}

function describePath(match: PathMatch): string {
  switch (match.kind) {
    case 'any':
      return 'any';
    case 'exact':
      return match.value;
    case 'prefix':
      return `${match.value} or below it`;
    case 'expression':
      return `one that matches ${match.value}`;
  }
}

function describeValue(what: string, match: ValueMatch, value: string | undefined): string {
  const wanted =
    'expression' in match ? `one that matches ${match.expression}` : JSON.stringify(match.exact);
  const found = value === undefined ? 'absent' : JSON.stringify(value);
  return `the ${what} ${match.name} is ${found}, not ${wanted}`;
}

/** Undefined takes every path. */
function compilePath(match: PathMatch): Matcher | undefined {
  if (match.kind === 'any') return undefined;
  if (match.kind === 'expression') {
    const matches = compileRegularExpression(match.value);
    return (head) => matches(head.path);
  }
  const wanted = normalizePath(match.value).path;
  if (match.kind === 'exact') return (head) => head.path === wanted;
  // `/a/` and `/a` are the same prefix.
  const prefix = wanted.endsWith('/') ? wanted.slice(0, -1) : wanted;
  if (prefix === '') return undefined;
  return ({ path }) =>
    path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === '/');
}

function compileHeader(match: ValueMatch): Matcher {
  const name = match.name.toLowerCase();
  if ('expression' in match) {
    const matches = compileRegularExpression(match.expression);
    return (head) => {
      const value = head.header(name);
      return value !== undefined && matches(Buffer.from(value, 'latin1').toString('utf8'));
    };
  }
  const wanted = toHeaderBytes(match.exact);
  return (head) => head.header(name) === wanted;
}

/** Values of headers are compared as bytes: what is not ASCII is UTF-8 on both sides. */
export function toHeaderBytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

function compileParameter(match: ValueMatch): Matcher {
  const { name } = match;
  if ('exact' in match) return (head) => queryValue(head.query, name) === match.exact;
  const matches = compileRegularExpression(match.expression);
  return (head) => {
    const value = queryValue(head.query, name);
    return value !== undefined && matches(value);
  };
}
