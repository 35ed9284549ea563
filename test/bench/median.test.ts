import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { median, quantile } from './median.ts';

suite('medians and quantiles', () => {
  const medians: { name: string; values: number[]; expected: number }[] = [
    { name: 'one value', values: [7], expected: 7 },
    { name: 'an odd number of values, unsorted', values: [9, 1, 5], expected: 5 },
    { name: 'an even number: between the two in the middle', values: [4, 1, 3, 2], expected: 2.5 },
    { name: 'numbers, not texts', values: [10, 9, 100], expected: 10 },
  ];
  for (const { name, values, expected } of medians) {
    test(`median of ${name}`, () => assert.equal(median(values), expected));
  }

  test('a quantile lies between its neighbours', () => {
    const values = Array.from({ length: 101 }, (_, i) => i * 2);
    assert.equal(quantile(values, 0.99), 198);
    assert.equal(quantile(values, 0), 0);
    assert.equal(quantile(values, 1), 200);
    assert.equal(quantile([0, 10], 0.25), 2.5);
  });

  test('of nothing is an error', () => assert.throws(() => median([]), RangeError));

  test('leaves the values as they were', () => {
    const values = [3, 1, 2];
    median(values);
    assert.deepEqual(values, [3, 1, 2]);
  });
});
