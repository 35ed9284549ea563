import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fitLine } from './regression.ts';

test('a line through points on a line is that line', () => {
  const points = [0, 1, 2, 5].map((x) => ({ x, y: 3 + 2 * x }));
  assert.deepEqual(fitLine(points), { slope: 2, mean: 7 });
});

test('noise around a level has hardly any slope', () => {
  const points = Array.from({ length: 100 }, (_, x) => ({ x, y: 50 + (x % 2 === 0 ? 1 : -1) }));
  assert.ok(Math.abs(fitLine(points).slope) < 0.01);
});

test('one point, or none, is flat', () => {
  assert.deepEqual(fitLine([]), { slope: 0, mean: 0 });
  assert.deepEqual(fitLine([{ x: 1, y: 4 }]), { slope: 0, mean: 4 });
});
