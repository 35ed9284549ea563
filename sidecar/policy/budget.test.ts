import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { RetryBudget } from './budget.ts';

function granted(
  budget: RetryBudget,
  wanted: number,
  percent: number,
  minPerSecond: number,
): number {
  let count = 0;
  for (let i = 0; i < wanted; i++) if (budget.tryTake(percent, minPerSecond)) count++;
  return count;
}

describe('a retry budget', () => {
  test('grants a share of the requests', () => {
    const budget = new RetryBudget(new ManualClock());
    for (let i = 0; i < 200; i++) budget.countRequest();
    assert.equal(granted(budget, 100, 20, 0), 40);
  });

  test('grants some a second in any case', () => {
    const budget = new RetryBudget(new ManualClock());
    assert.equal(granted(budget, 100, 20, 3), 30);
  });

  test('grants nothing when there is nothing to share', () => {
    assert.equal(granted(new RetryBudget(new ManualClock()), 10, 100, 0), 0);
  });

  test('forgets what is ten seconds old', () => {
    const clock = new ManualClock();
    const budget = new RetryBudget(clock);
    for (let i = 0; i < 100; i++) budget.countRequest();
    assert.equal(granted(budget, 100, 10, 0), 10);
    clock.advance(9_000);
    assert.equal(granted(budget, 100, 10, 0), 0);
    clock.advance(1_000);
    for (let i = 0; i < 50; i++) budget.countRequest();
    assert.equal(granted(budget, 100, 10, 0), 5);
    clock.advance(3_600_000);
    assert.equal(granted(budget, 100, 10, 0), 0);
  });

  test('follows a limit that changes', () => {
    const budget = new RetryBudget(new ManualClock());
    for (let i = 0; i < 100; i++) budget.countRequest();
    assert.equal(granted(budget, 100, 10, 0), 10);
    assert.equal(granted(budget, 100, 50, 0), 40);
  });
});
