import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HttpMatch } from '../../config/types.ts';
import type { RequestHead } from '../../message.ts';
import { compilePathChange } from './path-change.ts';

const byPrefix = (value: string): HttpMatch => ({
  path: { kind: 'prefix', value },
  method: undefined,
  headers: [],
  query: [],
});
const head = (path: string) => ({ path }) as RequestHead;

/** The table of the Gateway API's `replacePrefixMatch`, and what it leaves open. */
for (const [path, prefix, value, changed] of [
  ['/foo/bar', '/foo', '/xyz', '/xyz/bar'],
  ['/foo/bar', '/foo', '/xyz/', '/xyz/bar'],
  ['/foo/bar', '/foo/', '/xyz', '/xyz/bar'],
  ['/foo/bar', '/foo/', '/xyz/', '/xyz/bar'],
  ['/foo', '/foo', '/xyz', '/xyz'],
  ['/foo/', '/foo', '/xyz', '/xyz/'],
  ['/foo/bar', '/foo', '', '/bar'],
  ['/foo/', '/foo', '', '/'],
  ['/foo', '/foo', '', '/'],
  ['/foo/', '/foo', '/', '/'],
  ['/foo', '/foo', '/', '/'],
  ['/', '/', '/xyz', '/xyz/'],
  ['/a', '/', '/xyz', '/xyz/a'],
  ['/', '/', '', '/'],
  ['/~a', '/%7ea', '/b', '/b'],
] as const) {
  test(`${path} with ${prefix} replaced by "${value}" is ${changed}`, () => {
    const change = compilePathChange({ kind: 'prefix', value }, [byPrefix(prefix)]);
    assert.equal(change(head(path)), changed);
  });
}

test('of several prefixes the one that took the path is replaced, the longest first', () => {
  const matches = [byPrefix('/a'), byPrefix('/a/b'), byPrefix('/c')];
  const change = compilePathChange({ kind: 'prefix', value: '/x' }, matches);
  assert.equal(change(head('/a/b/c')), '/x/c');
  assert.equal(change(head('/a/bc')), '/x/bc');
  assert.equal(change(head('/c/d')), '/x/d');
});
