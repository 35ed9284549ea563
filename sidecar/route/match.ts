import { compileRegularExpression } from '../../runtime/regular-expression.ts';
import type { HttpMatch, PathMatch, ValueMatch } from '../config/types.ts';
import { normalizePath } from '../http1/target.ts';
import type { RequestHead } from '../message.ts';
import { queryValue } from './query.ts';

/** Decides whether a request is meant. */
export type Matcher = (head: RequestHead) => boolean;

/** All conditions of a match must hold. */
export function compileMatch(match: HttpMatch): Matcher {
  const conditions: Matcher[] = [];
  const path = compilePath(match.path);
  if (path !== undefined) conditions.push(path);
  const { method } = match;
  if (method !== undefined) conditions.push((head) => head.method === method);
  for (const header of match.headers) conditions.push(compileHeader(header));
  for (const parameter of match.query) conditions.push(compileParameter(parameter));
  if (conditions.length === 1 && conditions[0] !== undefined) return conditions[0];
  return (head) => {
    for (const condition of conditions) if (!condition(head)) return false;
    return true;
  };
}

/** The path decides: `any` and the prefix `/` take every path. */
export function looksAtPath(match: HttpMatch): boolean {
  return compilePath(match.path) !== undefined;
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

/** Values of headers are compared as bytes: what is not ASCII is UTF-8 on both sides. */
function compileHeader(match: ValueMatch): Matcher {
  const name = match.name.toLowerCase();
  if ('expression' in match) {
    const matches = compileRegularExpression(match.expression);
    return (head) => {
      const value = head.header(name);
      return value !== undefined && matches(Buffer.from(value, 'latin1').toString('utf8'));
    };
  }
  const wanted = Buffer.from(match.exact, 'utf8').toString('latin1');
  return (head) => head.header(name) === wanted;
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
