import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from './clock.ts';

test('timers that come due run in order of their time, also those set meanwhile', () => {
  const clock = new ManualClock(0);
  const ran: string[] = [];
  clock.setTimeout(() => ran.push('late'), 30);
  clock.setTimeout(() => {
    ran.push('early');
    clock.setTimeout(() => ran.push(`nested at ${clock.monotonicMs()}`), 5);
  }, 10);
  clock.setTimeout(() => ran.push('never'), 20).cancel();
  clock.advance(29);
  assert.deepEqual(ran, ['early', 'nested at 15']);
  clock.advance(1);
  assert.deepEqual(ran, ['early', 'nested at 15', 'late']);
});
