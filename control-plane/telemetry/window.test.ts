import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quantileMs, SlidingWindow } from './window.ts';

const NOTHING = {
  ...{ requests: 0, failures: 0, retries: 0, connections: 0, bytesSent: 0, bytesReceived: 0 },
};

test('a window holds ten seconds, and forgets the eleventh', () => {
  const window = new SlidingWindow();
  for (let second = 0; second < 25; second += 1) {
    window.add(second, { ...NOTHING, requests: 1 }, [0, 1]);
    const expected = Math.min(second + 1, 10);
    assert.equal(window.sums(second).counters.requests, expected);
    assert.equal(window.sums(second).buckets[1], expected);
  }
  assert.equal(window.sums(30).counters.requests, 4);
  assert.equal(window.isIdle(33), false);
  assert.equal(window.isIdle(34), true);
  assert.equal(window.sums(34).counters.requests, 0);
  window.add(1_000_000, { ...NOTHING, bytesSent: 5 }, []);
  assert.equal(window.sums(1_000_000).counters.bytesSent, 5);
});

const quantiles = [
  { name: 'nothing', buckets: [0, 0], share: 0.5, expected: undefined },
  { name: 'all in the first bucket', buckets: [10, 0], share: 0.5, expected: 0.5 },
  { name: 'half below 4 ms', buckets: [0, 0, 50, 0, 50], share: 0.5, expected: 4 },
  { name: 'the slowest', buckets: [0, 0, 50, 0, 50], share: 1, expected: 16 },
  { name: 'within a bucket', buckets: [0, 0, 100], share: 0.25, expected: 2.5 },
];
for (const { name, buckets, share, expected } of quantiles) {
  test(`quantile of ${name}`, () => assert.equal(quantileMs(buckets, share), expected));
}
