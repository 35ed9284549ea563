import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CircuitBreaker } from '../config/types.ts';
import { stricterBreaker } from './stricter-breaker.ts';

const breaker = (consecutiveErrors: number, own: Partial<CircuitBreaker> = {}): CircuitBreaker => ({
  ...{ consecutiveErrors, ejectionMs: 10_000, maxEjectedPercent: 50 },
  ...own,
});
const latency = (percent: number) => ({ percent, minMs: 10, minRequests: 5 });
const rate = (minPercent: number) => ({ minPercent, minRequests: 10 });

const cases: {
  name: string;
  one: CircuitBreaker;
  other: CircuitBreaker;
  is: Partial<CircuitBreaker>;
}[] = [
  {
    name: 'fewer errors, with what comes of them',
    one: breaker(3, { ejectionMs: 1_000, maxEjectedPercent: 10 }),
    other: breaker(5),
    is: breaker(3, { ejectionMs: 1_000, maxEjectedPercent: 10 }),
  },
  {
    name: 'longer out where the errors are as many',
    one: breaker(5, { ejectionMs: 1_000 }),
    other: breaker(5, { ejectionMs: 60_000 }),
    is: breaker(5, { ejectionMs: 60_000 }),
  },
  {
    name: 'every reason that one of them has',
    one: breaker(3, { latency: latency(300) }),
    other: breaker(5, { consecutiveGatewayErrors: 2, successRate: rate(90), intervalMs: 2_000 }),
    is: breaker(3, {
      ...{ consecutiveGatewayErrors: 2, successRate: rate(90), intervalMs: 2_000 },
      latency: latency(300),
    }),
  },
  {
    name: 'of one reason the stricter',
    one: breaker(3, { latency: latency(300), successRate: rate(95), consecutiveGatewayErrors: 4 }),
    other: breaker(5, {
      latency: latency(200),
      successRate: rate(90),
      consecutiveGatewayErrors: 2,
    }),
    is: breaker(3, { latency: latency(200), successRate: rate(95), consecutiveGatewayErrors: 2 }),
  },
  {
    name: 'nothing of one that never acts',
    one: breaker(0, { consecutiveGatewayErrors: 2 }),
    other: breaker(5),
    is: breaker(5),
  },
];

for (const { name, one, other, is } of cases) {
  for (const [first, second] of [
    [one, other],
    [other, one],
  ] as const) {
    test(`is ${name}${first === one ? '' : ', in either order'}`, () => {
      assert.deepEqual(without(stricterBreaker(first, second)), without(breaker(0, is)));
    });
  }
}

function without(breaker: CircuitBreaker): object {
  return Object.fromEntries(Object.entries(breaker).filter(([, value]) => value !== undefined));
}
