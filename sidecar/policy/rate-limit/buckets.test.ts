import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { RateLimit } from '../../config/rate-limits.ts';
import { type Buckets, TokenBuckets } from './buckets.ts';
import { FairBucket } from './fair-bucket.ts';

const limit = (own: Partial<RateLimit>): RateLimit => ({
  name: 'n',
  requests: 10,
  windowMs: 1_000,
  burst: 10,
  key: { kind: 'everybody' },
  maxKeys: 3,
  global: false,
  ...own,
});

/** How many of so many requests in one moment get a token. */
function granted(buckets: Buckets, key: string, nowMs: number, requests: number): number {
  let count = 0;
  for (let i = 0; i < requests; i++) {
    if (buckets.waitMs(key, nowMs) > 0) continue;
    buckets.take(key, nowMs);
    count += 1;
  }
  return count;
}

describe('a token bucket', () => {
  for (const start of [0, 1e6, 1e10]) {
    test(`holds its burst and fills at its rate, ${start} ms after the start of time`, () => {
      const buckets = new TokenBuckets(limit({}));
      assert.equal(granted(buckets, 'a', start, 100), 10);
      assert.ok(Math.abs(buckets.waitMs('a', start) - 100) < 1);
      assert.equal(granted(buckets, 'a', start + 99, 100), 0);
      assert.equal(granted(buckets, 'a', start + 101, 100), 1);
      assert.equal(granted(buckets, 'a', start + 501, 100), 4);
      assert.equal(granted(buckets, 'a', start + 1e6, 100), 10);
    });
  }

  test('tells what remains and when nothing will be missing', () => {
    const buckets = new TokenBuckets(limit({}));
    assert.deepEqual([buckets.remaining('a', 0), buckets.fullInMs('a', 0)], [10, 0]);
    for (let i = 0; i < 3; i++) buckets.take('a', 0);
    assert.deepEqual([buckets.remaining('a', 0), buckets.fullInMs('a', 0)], [7, 300]);
    assert.deepEqual([buckets.remaining('a', 150), buckets.fullInMs('a', 150)], [8, 150]);
  });

  test('of another key is another', () => {
    const buckets = new TokenBuckets(limit({}));
    assert.equal(granted(buckets, 'a', 0, 100), 10);
    assert.equal(granted(buckets, 'b', 0, 100), 10);
  });

  test('the one that was used longest ago makes room, and a refusal is a use', () => {
    const buckets = new TokenBuckets(limit({ burst: 1 }));
    for (const key of ['a', 'b', 'c']) assert.equal(granted(buckets, key, 0, 1), 1);
    assert.equal(granted(buckets, 'a', 1, 1), 0);
    assert.equal(granted(buckets, 'd', 2, 1), 1);
    assert.equal(buckets.size, 3);
    assert.equal(granted(buckets, 'a', 3, 1), 0, 'a is known still');
    assert.equal(granted(buckets, 'b', 4, 1), 1, 'b was forgotten');
  });

  test('never holds more than its keys, whatever strangers send', () => {
    const buckets = new TokenBuckets(limit({ maxKeys: 100 }));
    for (let i = 0; i < 100_000; i++) granted(buckets, `k${i}`, i, 1);
    assert.equal(buckets.size, 100);
  });

  test('of the largest numbers keeps its rate', () => {
    const buckets = new TokenBuckets(limit({ requests: 1_000_000, burst: 1_000_000 }));
    // Fractions of a µs are lost this long after the start.
    const first = granted(buckets, 'a', 1e9, 1_000_001);
    assert.ok(Math.abs(first - 1_000_000) < 500, `${first}`);
    const later = granted(buckets, 'a', 1e9 + 100, 200_000);
    assert.ok(Math.abs(later - 100_000) < 500, `${later}`);
  });

  test('that gains one a day says so', () => {
    const day = 86_400_000;
    const buckets = new TokenBuckets(limit({ requests: 1, windowMs: day, burst: 1 }));
    assert.equal(granted(buckets, 'a', 0, 2), 1);
    assert.ok(Math.abs(buckets.waitMs('a', 0) - day) < 100);
    assert.equal(granted(buckets, 'a', day, 2), 1);
  });

  test('is not emptied further by a clock that goes back', () => {
    const buckets = new TokenBuckets(limit({}));
    assert.equal(granted(buckets, 'a', 1e9, 10), 10);
    assert.equal(granted(buckets, 'a', 0, 10), 0);
    const buckets2 = new TokenBuckets(limit({}));
    buckets2.take('a', 1e9);
    buckets2.take('a', 0);
    assert.ok(buckets2.fullInMs('a', 0) <= 1_000);
  });
});

describe('a bucket for everybody', () => {
  /** Each sends so many requests a second, for ten seconds after five of warming up. */
  function play(rates: Record<string, number>, own: Partial<RateLimit> = {}) {
    const bucket = new FairBucket(limit({ requests: 100, burst: 100, maxKeys: 100, ...own }));
    const sent: Record<string, number> = {};
    const got: Record<string, number> = {};
    for (let ms = 0; ms < 15_000; ms++) {
      for (const [caller, rate] of Object.entries(rates)) {
        const due = Math.floor(((ms + 1) * rate) / 1000) - Math.floor((ms * rate) / 1000);
        const passed = granted(bucket, caller, ms, due);
        if (ms < 5_000) continue;
        sent[caller] = (sent[caller] ?? 0) + due;
        got[caller] = (got[caller] ?? 0) + passed;
      }
    }
    const total = Object.values(got).reduce((sum, count) => sum + count, 0);
    return { sent, got, total };
  }

  test('is all of one caller who is alone', () => {
    const bucket = new FairBucket(limit({}));
    assert.equal(granted(bucket, 'a', 0, 100), 10);
    const { total } = play({ noisy: 1_000 });
    assert.ok(Math.abs(total - 1_000) < 20, `${total}`);
  });

  test('refuses nothing to who sends little, whatever another sends', () => {
    const { sent, got, total } = play({ noisy: 5_000, quiet: 20 });
    assert.equal(got.quiet, sent.quiet);
    assert.ok(Math.abs(total - 1_000) < 20, `all of the rate is used: ${total}`);
  });

  test('is shared by callers who all want more', () => {
    const { got, total } = play({ a: 5_000, b: 500, c: 500, d: 500 });
    assert.ok(Math.abs(total - 1_000) < 20, `${total}`);
    for (const caller of ['b', 'c', 'd']) {
      assert.ok((got[caller] ?? 0) > 200, `${caller} got ${got[caller]} of 250`);
    }
  });

  test('of one token lets nobody starve', () => {
    const { sent, got } = play({ noisy: 5_000, quiet: 20 }, { burst: 1 });
    assert.ok((got.quiet ?? 0) > (sent.quiet ?? 0) / 3, `${got.quiet} of ${sent.quiet}`);
  });

  test('gives the share of who went away to the others', () => {
    const bucket = new FairBucket(limit({ requests: 100, burst: 2 }));
    granted(bucket, 'gone', 0, 1);
    let passed = 0;
    for (let ms = 20_000; ms < 30_000; ms++) passed += granted(bucket, 'a', ms, 1);
    assert.ok(Math.abs(passed - 1_000) < 20, `${passed}`);
  });
});
