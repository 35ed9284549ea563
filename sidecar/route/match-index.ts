import type { HttpMatch } from '../config/types.ts';
import { normalizePath } from '../http1/target.ts';
import type { RequestHead } from '../message.ts';
import { literalStart } from './literal-start.ts';
import { compileMatch, type Matcher, toHeaderBytes } from './match.ts';
import { queryValue } from './query.ts';

/** One match, and the place of its rule among all. */
interface Entry {
  readonly place: number;
  readonly match: HttpMatch;
  readonly takes: Matcher;
}

/** Finds the first entry that takes a request and stands before `limit`; else `limit`. */
type Finder = (head: RequestHead, limit: number) => number;

/** So many are asked one by one as fast as they are looked up. */
const FEW = 8;

/**
 * Tells which of many rules takes a request, without asking all of them: -1 when none
 * does. Rules are found by their exact path, by the segments with which their paths
 * begin, and among those by the exact value of a header or query parameter. An index
 * only leaves out rules that cannot take a request; who is left is asked in the order
 * of the rules, so that the result is that of asking all.
 *
 * @param rules the matches of each: any of them; none means every request
 */
export function indexMatches(
  rules: readonly (readonly HttpMatch[])[],
): (head: RequestHead) => number {
  const entries = rules.flatMap((matches, place) =>
    (matches.length === 0 ? [ANY] : matches).map((match) => ({
      ...{ place, match },
      takes: compileMatch(match),
    })),
  );
  const find = entries.length <= FEW ? inTurn(entries) : byPath(entries);
  return (head) => {
    const place = find(head, rules.length);
    return place === rules.length ? -1 : place;
  };
}

const ANY: HttpMatch = { path: { kind: 'any' }, method: undefined, headers: [], query: [] };

function inTurn(entries: readonly Entry[]): Finder {
  return (head, limit) => {
    for (const { place, takes } of entries) {
      if (place >= limit) return limit;
      if (takes(head)) return place;
    }
    return limit;
  };
}

/** By the whole path, then by each of its beginnings, then those that any path may have. */
function byPath(entries: readonly Entry[]): Finder {
  const exact = new Map<string, Entry[]>();
  const beginning = new Map<string, Entry[]>();
  const others: Entry[] = [];
  for (const entry of entries) {
    const { path } = entry.match;
    const start = beginningOf(entry.match);
    if (path.kind === 'exact') append(exact, normalizePath(path.value).path, entry);
    else if (start === '') others.push(entry);
    else append(beginning, start, entry);
  }
  const byExact = mapValues(exact, (same) => byValue(same));
  const byBeginning = mapValues(beginning, (same) => byValue(same));
  const other = byValue(others);
  const depth = Math.max(0, ...[...beginning.keys()].map((start) => start.split('/').length - 1));
  return (head, limit) => {
    const { path } = head;
    let first = byExact.get(path)?.(head, limit) ?? limit;
    for (let segments = 0, end = 0; segments < depth && end < path.length; segments++) {
      const slash = path.indexOf('/', end + 1);
      end = slash < 0 ? path.length : slash;
      first = byBeginning.get(path.slice(0, end))?.(head, first) ?? first;
    }
    return other(head, first);
  };
}

/**
 * The whole segments with which every path begins that a match takes, such as `/a/b`;
 * empty when that is not known.
 */
function beginningOf({ path }: HttpMatch): string {
  if (path.kind !== 'prefix' && path.kind !== 'expression') return '';
  const text = path.kind === 'prefix' ? normalizePath(path.value).path : literalStart(path.value);
  if (!text.startsWith('/')) return '';
  // The last segment of an expression may go on: `/a/b` is the beginning of `/a/b[0-9]`.
  if (path.kind === 'prefix' && !text.endsWith('/')) return text;
  return text.slice(0, text.lastIndexOf('/'));
}

/**
 * By the exact value of that header or query parameter which tells most of them apart,
 * and those with the same value by the next.
 */
function byValue(entries: readonly Entry[], known: ReadonlySet<string> = new Set()): Finder {
  if (entries.length <= FEW) return inTurn(entries);
  const source = mostTelling(entries, known);
  if (source === undefined) return inTurn(entries);
  const groups = new Map<string, Entry[]>();
  const others: Entry[] = [];
  for (const entry of entries) {
    const value = exactValues(entry.match).find(({ key }) => key === source.key)?.value;
    if (value === undefined) others.push(entry);
    else append(groups, value, entry);
  }
  const nowKnown = new Set(known).add(source.key);
  const byOne = mapValues(groups, (group) => byValue(group, nowKnown));
  const other = byValue(others, nowKnown);
  const { read } = source;
  return (head, limit) => {
    const value = read(head);
    const first = value === undefined ? limit : (byOne.get(value)?.(head, limit) ?? limit);
    return other(head, first);
  };
}

/** A header or query parameter, and what a match wants of it. */
interface ExactValue {
  readonly key: string;
  readonly value: string;
  readonly read: (head: RequestHead) => string | undefined;
}

/** The one with the most different values; undefined when none has two. */
function mostTelling(
  entries: readonly Entry[],
  known: ReadonlySet<string>,
): ExactValue | undefined {
  const values = new Map<string, Set<string>>();
  let best: ExactValue | undefined;
  let most = 1;
  for (const entry of entries) {
    for (const source of exactValues(entry.match)) {
      if (known.has(source.key)) continue;
      const seen = values.get(source.key) ?? new Set();
      values.set(source.key, seen.add(source.value));
      if (seen.size > most) {
        most = seen.size;
        best = source;
      }
    }
  }
  return best;
}

function exactValues({ headers, query }: HttpMatch): ExactValue[] {
  return [
    ...headers.flatMap((header) => {
      if (!('exact' in header)) return [];
      const name = header.name.toLowerCase();
      const read = (head: RequestHead) => head.header(name);
      return [{ key: `header ${name}`, value: toHeaderBytes(header.exact), read }];
    }),
    ...query.flatMap((parameter) => {
      if (!('exact' in parameter)) return [];
      const { name, exact: value } = parameter;
      const read = (head: RequestHead) => queryValue(head.query, name);
      return [{ key: `query ${name}`, value, read }];
    }),
  ];
}

function append(lists: Map<string, Entry[]>, key: string, entry: Entry): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [entry]);
  else list.push(entry);
}

function mapValues(
  lists: ReadonlyMap<string, Entry[]>,
  toFinder: (entries: readonly Entry[]) => Finder,
): ReadonlyMap<string, Finder> {
  return new Map([...lists].map(([key, entries]) => [key, toFinder(entries)]));
}
