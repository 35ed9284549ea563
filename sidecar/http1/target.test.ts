import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { normalizePath } from './target.ts';

const clear: [raw: string, path: string][] = [
  ['/', '/'],
  ['/a/b', '/a/b'],
  ['/a/', '/a/'],
  ['//a', '/a'],
  ['/a//b///c', '/a/b/c'],
  ['/./a/./b/.', '/a/b/'],
  ['/a/../b', '/b'],
  ['/a/b/..', '/a/'],
  ['/../../a', '/a'],
  ['/..', '/'],
  ['/a/%2e%2E/b', '/b'],
  ['/%2e/a', '/a'],
  ['/.hidden/..a/a..', '/.hidden/..a/a..'],
  ['/%61%7E%2D', '/a~-'],
  ['/%e4%bd%a0', '/%E4%BD%A0'],
  ['/a%20b%25', '/a%20b%25'],
  ['/a=b&c,d:e@f', '/a=b&c,d:e@f'],
];

const ambiguous: string[] = [
  '/a%2fb',
  '/a%2Fb',
  '/a%5cb',
  '/a\\b',
  '/a%00',
  '/a%0d%0a',
  '/a%7f',
  '/a;b=c',
  '/a%3bb',
  '/..;/admin',
  '/a%',
  '/a%4',
  '/a%zz',
  '/%c0%af',
  '/%e0%80%af',
  '/%ff',
  '/%e4a',
  '/%ed%a0%80',
];

describe('a path is normalised', () => {
  for (const [raw, path] of clear) {
    test(`${raw} to ${path}`, () => {
      assert.deepEqual(normalizePath(raw), { path, ambiguous: false });
    });
  }
});

describe('a path that servers read differently is noticed', () => {
  for (const raw of ambiguous) {
    test(raw, () => assert.equal(normalizePath(raw).ambiguous, true));
  }
});

test('a normalised path is its own normal form, and climbs nowhere', () => {
  const segment = fc.constantFrom('a', '.', '..', '%2e', '%2E%2e', '', '%2f', ';', '%41', '%c3%a4');
  const path = fc.array(segment, { maxLength: 8 }).map((segments) => `/${segments.join('/')}`);
  fc.assert(
    fc.property(path, (raw) => {
      const normal = normalizePath(raw).path;
      assert.equal(normalizePath(normal).path, normal);
      const inner = normal.slice(1).split('/').slice(0, -1);
      assert.ok(!inner.some((part) => part === '' || part === '.' || part === '..'), normal);
    }),
  );
});
