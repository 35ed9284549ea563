import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { judge } from './judge.ts';
import type { Expected, Result } from './scenario.ts';

const received = { version: 'v1', pod: 'v1-a', method: 'GET', path: '/', host: 'web' };
const result = (own: Partial<Result> = {}): Result => ({
  status: 200,
  headers: { 'x-version': 'v1', 'x-pod': 'v1-a' },
  body: JSON.stringify({ ...received, headers: { 'x-a': '1' }, body: '', count: 2 }),
  error: '',
  ms: 10,
  session: '',
  ...own,
});
const many = (version: string, count: number): Result[] =>
  Array.from({ length: count }, () =>
    result({ headers: { 'x-version': version, 'x-pod': version } }),
  );

const ofClient = (session: string, pod: string): Result =>
  result({ session, headers: { 'x-pod': pod } });

describe('results are as expected', () => {
  const cases: [name: string, expected: Expected, results: Result[]][] = [
    ['a whole answer', {}, [result()]],
    ['no answer', { status: 0 }, [result({ error: 'reset' })]],
    ['a version', { from: 'v1', pods: 1 }, [result(), result()]],
    ['a pod for each client', { podsOfEach: 1 }, [ofClient('a', 'v1'), ofClient('b', 'v2')]],
    [
      'shares that chance allows',
      { shares: { v1: 75, v2: 25 } },
      [...many('v1', 290), ...many('v2', 110)],
    ],
    [
      'statuses',
      { statuses: { 200: 1, 503: { atLeast: 1 } } },
      [result(), result({ status: 503 })],
    ],
    [
      'what was received',
      { received: { path: '/', headers: { 'X-A': /1/, 'x-b': null } } },
      [result()],
    ],
  ];
  for (const [name, expected, results] of cases) {
    test(name, () => assert.deepEqual(judge(expected, results), []));
  }
});

describe('results are not as expected', () => {
  const cases: [name: string, expected: Expected, results: Result[], says: RegExp][] = [
    ['another status', {}, [result({ status: 503 })], /^status: expected 200, got 503/],
    ['half an answer', {}, [result({ error: 'reset' })], /^status: expected 200, got 0 \(reset\)/],
    ['another version', { from: 'v2' }, [result()], /^answered by: expected "v2", got "v1"/],
    [
      'the second of two',
      { from: 'v1' },
      [result(), ...many('v2', 1)],
      /^request 2 of 2: answered by/,
    ],
    [
      'shares beyond chance',
      { shares: { v1: 75, v2: 25 } },
      [...many('v1', 200), ...many('v2', 200)],
      /^of 400 answers by v1: expected 256 to 344, got 200/,
    ],
    [
      'a version that should not answer',
      { shares: { v1: 100 } },
      [...many('v1', 9), ...many('v2', 1)],
      /by v1: expected 10 to 10, got 9/,
    ],
    ['an unexpected status', { statuses: { 200: 1 } }, [result(), result({ status: 500 })], /500/],
    ['a header too many', { headers: { 'x-pod': null } }, [result()], /expected none, got "v1-a"/],
    ['an error', { error: 'no-route' }, [result()], /expected "no-route", got none/],
    ['a count', { received: { count: 3 } }, [result()], /requests of this key: expected 3, got 2/],
    ['nothing received', { received: {} }, [result({ headers: {} })], /did not say/],
    [
      'a client that went elsewhere',
      { podsOfEach: 1 },
      [ofClient('a', 'v1'), ofClient('b', 'v2'), ofClient('a', 'v2')],
      /^pods that answered a: expected 1, got 2/,
    ],
    ['too soon', { atLeastMs: 20 }, [result()], /at least 20 ms, got 10/],
    ['too late', { atMostMs: 5 }, [result()], /at most 5 ms, got 10/],
  ];
  for (const [name, expected, results, says] of cases) {
    test(name, () => assert.match(judge(expected, results)[0] ?? 'no complaint', says));
  }
});
