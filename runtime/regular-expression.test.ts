import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileRegularExpression } from './regular-expression.ts';

for (const [expression, text, matches] of [
  ['/a', '/a', true],
  ['/a', '/ab', false],
  ['a', '/a', false],
  ['/a|/b', '/b', true],
  ['/a|/b', '/bc', false],
  ['(?i)/A', '/a', true],
  ['/\\d+', '/42', true],
  ['.*', 'a\nb', false],
  ['', '', true],
] as const) {
  test(`${expression} ${matches ? 'takes' : 'does not take'} ${JSON.stringify(text)}`, () => {
    assert.equal(compileRegularExpression(expression)(text), matches);
  });
}

test('an expression that would keep a backtracking engine busy for ever is answered', () => {
  assert.equal(compileRegularExpression('(a+)+b')('a'.repeat(50_000)), false);
});

test('what RE2 has not is refused with its code', () => {
  assert.throws(() => compileRegularExpression('(?=a)'), { code: 'bad-regular-expression' });
});
