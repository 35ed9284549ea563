import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDurationMs } from './duration.ts';

const cases: [text: string, expected: number | undefined][] = [
  ['0s', 0],
  ['250ms', 250],
  ['10s', 10_000],
  ['1m', 60_000],
  ['1h30m', 5_400_000],
  ['1h1m1s1ms', 3_661_001],
  ['99999h', 0xffff_ffff],
  ['', undefined],
  ['10', undefined],
  ['1.5s', undefined],
  ['-1s', undefined],
  ['1d', undefined],
  ['100000s', undefined],
  ['1s1s1s1s1s', undefined],
  [' 1s', undefined],
  ['1us', undefined],
];

for (const [text, expected] of cases) {
  test(`"${text}" is ${expected === undefined ? 'no duration' : `${expected} ms`}`, () => {
    assert.equal(parseDurationMs(text), expected);
  });
}
