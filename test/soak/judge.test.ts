import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeSeries, levelsOf, type Series } from './judge.ts';
import type { Sample } from './sample.ts';

const MIB = 2 ** 20;

function sample(seconds: number, change: Partial<Sample> = {}): Sample {
  return {
    seconds,
    residentBytes: 100 * MIB,
    descriptors: 60,
    sockets: 40,
    heapBytes: 30 * MIB,
    connections: 20,
    ...change,
  };
}

function series(at: (seconds: number) => Partial<Sample>, idle: Partial<Sample> = {}): Series {
  const rest = { descriptors: 30, sockets: 10, connections: 0 };
  return {
    name: 'web',
    base: sample(0, rest),
    samples: Array.from({ length: 60 }, (_, i) => sample(i * 10, at(i * 10))),
    idle: sample(700, { ...rest, ...idle }),
  };
}

const steady = series((seconds) => ({ residentBytes: (100 + ((seconds / 10) % 7)) * MIB }));

for (const { title, subject, mistakes } of [
  { title: 'what goes up and down is steady', subject: steady, mistakes: [] },
  {
    title: 'what rises in the warm-up alone is steady',
    subject: series((seconds) => ({ heapBytes: Math.min(30, 10 + seconds / 5) * MIB })),
    mistakes: [],
  },
  {
    title: 'a peak now and then is no growth',
    subject: series((seconds) => ({ residentBytes: (seconds % 90 === 0 ? 300 : 100) * MIB })),
    mistakes: [],
  },
  {
    title: 'a leak of 2 MiB a minute is found',
    subject: series((seconds) => ({ residentBytes: (100 + seconds / 30) * MIB })),
    mistakes: [/^web: residentBytes grew by 11/],
  },
  {
    title: 'memory that rises and rises is a leak',
    subject: series((seconds) => ({ residentBytes: (100 + seconds / 10) * MIB })),
    mistakes: [/^web: residentBytes grew by 34603008,/],
  },
  {
    title: 'descriptors that rise and rise are a leak',
    subject: series((seconds) => ({ descriptors: 60 + seconds / 10, sockets: 40 + seconds / 10 })),
    mistakes: [/descriptors grew by 33/, /sockets grew by 33/],
  },
  {
    title: 'connections that stay when all is over are a leak',
    subject: series(() => ({}), { descriptors: 35, connections: 1 }),
    mistakes: [/35 descriptors when all was over, and 30 before/, /1 connections/],
  },
]) {
  test(title, () => {
    const found = judgeSeries(subject, 100);
    assert.equal(found.length, mistakes.length, found.join('\n'));
    for (const [i, pattern] of mistakes.entries()) assert.match(found[i] ?? '', pattern);
  });
}

test('levels are told of the time after the warm-up', () => {
  const rising = series((seconds) => ({ descriptors: seconds }));
  const { first, middle, last } = levelsOf(rising, 'descriptors', 100);
  assert.deepEqual([first, middle, last], [180, 350, 510]);
});
