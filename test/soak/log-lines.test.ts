import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readLog } from './log-lines.ts';

test('warnings are counted by message, and what is no log line is strange', () => {
  const text = [
    '{"level":"info","process":"sidecar","msg":"ready"}',
    '{"level":"warn","process":"sidecar","msg":"connection refused","reason":"a"}',
    '{"level":"warn","process":"sidecar","msg":"connection refused","reason":"b"}',
    '(node:7) MaxListenersExceededWarning: Possible EventEmitter memory leak detected.',
    '',
  ].join('\n');
  assert.deepEqual(readLog(text), {
    warnings: { 'connection refused': 2 },
    strange: ['(node:7) MaxListenersExceededWarning: Possible EventEmitter memory leak detected.'],
  });
});
