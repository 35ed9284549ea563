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
  for (const parameter of match.query) {
    conditions.push((head) => queryValue(head.query, parameter.name) === parameter.exact);
  }
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
  const wanted = normalizePath(match.value).path;
  if (match.kind === 'exact') return (head) => head.path === wanted;
  // `/a/` and `/a` are the same prefix.
  const prefix = wanted.endsWith('/') ? wanted.slice(0, -1) : wanted;
  if (prefix === '') return undefined;
  return ({ path }) =>
    path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === '/');
}

/** Header values are compared as bytes: what is not ASCII is UTF-8 on both sides. */
function compileHeader(match: ValueMatch): Matcher {
  const name = match.name.toLowerCase();
  const wanted = Buffer.from(match.exact, 'utf8').toString('latin1');
  return (head) => head.header(name) === wanted;
}
