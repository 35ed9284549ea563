import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseQuantity } from './quantity.ts';

for (const [text, value] of [
  ['1', 1],
  ['100m', 0.1],
  ['1.5', 1.5],
  ['64Mi', 64 * 2 ** 20],
  ['1G', 1e9],
  ['2k', 2000],
] as const) {
  test(`${text} is ${value}`, () => {
    assert.ok(Math.abs(parseQuantity(text) - value) < 1e-9);
  });
}

for (const text of ['', '0', '-1', '1 Gi', 'Mi', '1mi', '1e3', 'Infinity', '1.', '9'.repeat(40)]) {
  test(`"${text}" is no quantity`, () => {
    assert.throws(() => parseQuantity(text), { code: 'bad-quantity' });
  });
}
