import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import type { HttpMatch, PathMatch, ValueMatch } from '../config/types.ts';
import type { RequestHead } from '../message.ts';
import { indexMatches } from './match-index.ts';

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
}

function head({ method, path, query, headers }: Asked): RequestHead {
  return {
    ...{ method, path, form: 'origin', host: 'cart', port: undefined, ambiguousPath: false },
    query: new URLSearchParams(query).toString(),
    header: (name) => headers[name],
  };
}

/** What the Gateway API says, one rule after the other. */
function firstRule(rules: readonly (readonly HttpMatch[])[], asked: Asked): number {
  return rules.findIndex(
    (matches) => matches.length === 0 || matches.some((match) => takes(match, asked)),
  );
}

function takes({ path, method, headers, query }: HttpMatch, asked: Asked): boolean {
  const among = (wanted: ValueMatch, values: Readonly<Record<string, string>>): boolean => {
    const value = values[wanted.name];
    if (value === undefined) return false;
    return 'exact' in wanted ? value === wanted.exact : whole(wanted.expression, value);
  };
  return (
    takesPath(path, asked.path) &&
    (method === undefined || method === asked.method) &&
    headers.every((wanted) => among(wanted, asked.headers)) &&
    query.every((wanted) => among(wanted, asked.query))
  );
}

function takesPath(wanted: PathMatch, path: string): boolean {
  switch (wanted.kind) {
    case 'any':
      return true;
    case 'exact':
      return path === wanted.value;
    case 'expression':
      return whole(wanted.value, path);
    case 'prefix': {
      const prefix = wanted.value.replace(/\/$/, '');
      return path === prefix || path.startsWith(`${prefix}/`);
    }
  }
}

function whole(expression: string, text: string): boolean {
  return new RegExp(`^(?:${expression})$`).test(text);
}

/** Few of each, so that much is the same, and much matches. */
const segment = fc.constantFrom('a', 'b', 'ab', 'c');
const path = fc
  .tuple(fc.array(segment, { maxLength: 4 }), fc.boolean())
  .map(([segments, slash]) => `/${segments.join('/')}${slash && segments.length > 0 ? '/' : ''}`);
const expression = fc.constantFrom(
  ...['/a/.*', '/a/b?', '/a/b?/c', '/a/*b', '/a|/b', '/a/[bc]/.+', '^/a/b/c$', '.*', '/a/b{0,2}'],
  ...['/a\\/b/?', '/a/(b|c)', '/(a|ab)/b', '/a/b+', '/.b/.*', '/ab/', '/a/b\\w*', ''],
);
const name = fc.constantFrom('x', 'y', 'z');
const value = fc.constantFrom('1', '2', '3', '4');
const valueMatch: fc.Arbitrary<ValueMatch> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ name, exact: value }) },
  fc.record({ name, expression: fc.constantFrom('[12]', '.*', '3') }),
);
const method = fc.constantFrom('GET', 'POST');
const match: fc.Arbitrary<HttpMatch> = fc.record({
  path: fc.oneof(
    fc.constant<PathMatch>({ kind: 'any' }),
    path.map((value): PathMatch => ({ kind: 'exact', value })),
    path.map((value): PathMatch => ({ kind: 'prefix', value })),
    expression.map((value): PathMatch => ({ kind: 'expression', value })),
  ),
  method: fc.option(method, { nil: undefined, freq: 2 }),
  headers: fc.array(valueMatch, { maxLength: 3 }),
  query: fc.array(valueMatch, { maxLength: 2 }),
});
const asked: fc.Arbitrary<Asked> = fc.record({
  ...{ method, path },
  query: fc.dictionary(name, value),
  headers: fc.dictionary(name, value),
});

suite('an index of matches', () => {
  test('finds the rule that is found by asking one after the other', () => {
    const rules = fc.array(fc.array(match, { maxLength: 3 }), { minLength: 5, maxLength: 60 });
    fc.assert(
      fc.property(rules, fc.array(asked, { minLength: 20, maxLength: 20 }), (rules, requests) => {
        // A rule without matches takes everything, and would hide those behind it.
        const meant = rules.filter((matches, i) => matches.length > 0 || i % 20 === 19);
        const find = indexMatches(meant);
        for (const request of requests) {
          assert.equal(find(head(request)), firstRule(meant, request), JSON.stringify(request));
        }
      }),
      { numRuns: 400 },
    );
  });

  test('knows that an expression without regard to case has no beginning to be found by', () => {
    const rules = Array.from({ length: 20 }, (_, i) => [
      { ...NOTHING, path: { kind: 'expression', value: `(?i)/A/${i}` } } as const,
    ]);
    const request = { method: 'GET', path: '/a/7', query: {}, headers: {} };
    assert.equal(indexMatches(rules)(head(request)), 7);
  });

  test('asks none that cannot match', () => {
    const read: string[] = [];
    const rules = Array.from({ length: 1_000 }, (_, i): HttpMatch[] => [
      { ...NOTHING, path: { kind: 'exact', value: `/${i}` } },
      { ...NOTHING, path: { kind: 'prefix', value: `/under/${i}` } },
      { ...NOTHING, path: { kind: 'expression', value: `/under/${i}/[a-z]+` } },
      { ...NOTHING, headers: [{ name: 'x-tenant', exact: `${i}` }] },
      { ...NOTHING, query: [{ name: 'tenant', exact: `${i}` }] },
    ]);
    const find = indexMatches(rules);
    const request: RequestHead = {
      ...head({ method: 'GET', path: '/under/x/y', query: {}, headers: {} }),
      header: (name) => {
        read.push(name);
        return undefined;
      },
    };
    assert.equal(find(request), -1);
    assert.deepEqual(read, ['x-tenant']);
  });

  test('compares headers as bytes', () => {
    const rules = Array.from({ length: 20 }, (_, i) => [
      { ...NOTHING, headers: [{ name: 'X-Name', exact: `ä${i}` }] },
    ]);
    const headers = { 'x-name': Buffer.from('ä3').toString('latin1') };
    assert.equal(indexMatches(rules)(head({ method: 'GET', path: '/', query: {}, headers })), 3);
  });
});

const NOTHING: HttpMatch = { path: { kind: 'any' }, method: undefined, headers: [], query: [] };
