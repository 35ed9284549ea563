import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { literalStart } from './literal-start.ts';

const CASES: readonly [expression: string, start: string][] = [
  ['/a/b', '/a/b'],
  ['^/a/b$', '/a/b'],
  ['/a/[0-9]+', '/a/'],
  ['/a/.*', '/a/'],
  ['/v1\\.2\\/a\\-b', '/v1.2/a-b'],
  ['/a\\d', '/a'],
  ['/a\\Qb\\E', '/a'],
  ['/ab?', '/a'],
  ['/ab*', '/a'],
  ['/ab+', '/a'],
  ['/ab{0,2}', '/a'],
  ['/a\\.?', '/a'],
  ['/a(b|c)', '/a'],
  ['/a/(b|(c|d))/e', '/a/'],
  ['/a/(b)|c', ''],
  ['/a\\(|/b', ''],
  ['/a/[(]|/b', ''],
  ['/a/[b|c]', ''],
  ['/a|/b', ''],
  ['(?i)/a', ''],
  ['(/a)', ''],
  ['.*', ''],
  ['', ''],
  ['^', ''],
  ['/a\\', '/a'],
  ['/ä', '/'],
];

suite('what everything begins with that an expression matches', () => {
  for (const [expression, start] of CASES) {
    test(`${JSON.stringify(expression)}: ${JSON.stringify(start)}`, () => {
      assert.equal(literalStart(expression), start);
    });
  }
});
