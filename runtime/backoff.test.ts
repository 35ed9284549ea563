import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff } from './backoff.ts';

test('delays double up to the limit, and start again after a success', () => {
  const backoff = new Backoff({ baseMs: 100, maxMs: 1000, random: () => 1 });
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6].map(() => backoff.nextMs()),
    [100, 200, 400, 800, 1000, 1000],
  );
  backoff.reset();
  assert.equal(backoff.nextMs(), 100);
});

test('a delay never falls below half of its span', () => {
  const backoff = new Backoff({ baseMs: 100, maxMs: 1000, random: () => 0 });
  assert.deepEqual(
    [1, 2, 3].map(() => backoff.nextMs()),
    [50, 100, 200],
  );
});

test('a hundred failures do not overflow', () => {
  const backoff = new Backoff({ baseMs: 100, maxMs: 1000, random: () => 1 });
  for (let failure = 0; failure < 100; failure += 1) backoff.nextMs();
  assert.equal(backoff.nextMs(), 1000);
});
