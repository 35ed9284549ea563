import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { HedgeDelay } from './hedge-delay.ts';
import { ResponseTimes } from './response-times.ts';

function timesOf(...samplesMs: readonly number[]): ResponseTimes {
  const times = new ResponseTimes();
  for (const ms of samplesMs) times.add(ms);
  return times;
}

describe('the percentile of response times', () => {
  test('is that of all samples, and at most an eighth above it', () => {
    const sample = fc.double({ min: 0, max: 2_000_000, noNaN: true });
    const samples = fc.array(sample, { minLength: 20, maxLength: 200 });
    fc.assert(
      fc.property(samples, fc.integer({ min: 1, max: 99 }), (list, percent) => {
        const sorted = [...list].sort((a, b) => a - b);
        const exact = sorted[Math.ceil((sorted.length * percent) / 100) - 1] ?? 0;
        const told = timesOf(...list).percentile(percent, 0) ?? 0;
        assert.ok(told >= exact && told <= exact * 1.125 + 0.002, `${told} for ${exact}`);
      }),
    );
  });

  test('is not known before twenty samples', () => {
    const times = timesOf(...Array.from({ length: 19 }, () => 5));
    assert.equal(times.percentile(95, 0), undefined);
    times.add(5);
    assert.ok((times.percentile(95, 0) ?? 0) > 5);
  });

  test('follows a change, whose share is that of the newer samples', () => {
    const times = timesOf(...Array.from({ length: 1_000 }, () => 100));
    for (let second = 1; second < 20; second++) {
      for (let i = 0; i < 200; i++) times.add(1);
      times.percentile(90, 1_000 * second);
    }
    assert.ok((times.percentile(90, 20_000) ?? 0) < 2);
  });

  test('is forgotten where nothing comes any more', () => {
    const times = timesOf(...Array.from({ length: 100 }, () => 5));
    assert.notEqual(times.percentile(50, 29_000), undefined);
    assert.equal(times.percentile(50, 600_000), undefined);
  });
});

describe('the delay of a second try', () => {
  test('is the percentile, never less than the least, and looked up once a second', () => {
    const times = timesOf(...Array.from({ length: 20 }, () => 40));
    const delay = new HedgeDelay(times, 95, 10);
    const told = delay.at(1_000) ?? 0;
    assert.ok(told >= 40 && told <= 45, String(told));
    for (let i = 0; i < 400; i++) times.add(1);
    assert.equal(delay.at(1_999), told);
    assert.equal(delay.at(2_000), 10);
  });

  test('is not known while the percentile is not, and known as soon as it is', () => {
    const times = timesOf();
    const delay = new HedgeDelay(times, 95, 10);
    assert.equal(delay.at(1_000), undefined);
    for (let i = 0; i < 20; i++) times.add(1);
    assert.equal(delay.at(1_000), 10);
  });
});
