import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import type { CircuitBreaker } from '../config/types.ts';
import { EndpointHealth } from './endpoint-health.ts';
import { DEFAULT_CIRCUIT_BREAKER, OutlierDetection } from './outlier.ts';

interface One {
  readonly name: string;
  readonly health: EndpointHealth;
}

let clock: ManualClock;
let all: One[];
let states: string[];
let outliers: OutlierDetection<One>;

beforeEach(() => {
  clock = new ManualClock();
  states = [];
  all = ['a', 'b', 'c', 'd'].map((name) => ({ name, health: new EndpointHealth() }));
  outliers = new OutlierDetection(clock, ({ name, health }) =>
    states.push(`${name} ${health.state}`),
  );
});

function configure(policy: Partial<CircuitBreaker>): void {
  outliers.policy = { ...DEFAULT_CIRCUIT_BREAKER, ejectionMs: 1_000, ...policy };
}

function at(position: number): One {
  return all[position] as One;
}

function fail(position: number, times = 1, isGateway = false): void {
  for (let i = 0; i < times; i++) outliers.failed(at(position), isGateway, all.length);
}

function interval(): void {
  clock.advance(10_000);
  outliers.compare(all, clock.monotonicMs());
}

test('errors of the gateway have a limit of their own', () => {
  configure({ consecutiveGatewayErrors: 2 });
  fail(0, 4);
  fail(1, 1, true);
  fail(1);
  fail(1, 1, true);
  assert.deepEqual(states, []);
  fail(1, 1, true);
  assert.deepEqual(states, ['b ejected']);
});

describe('an endpoint that was ejected', () => {
  beforeEach(() => {
    configure({ consecutiveErrors: 2, maxEjectionMs: 2_500 });
    fail(0, 2);
    clock.advance(1_000);
    outliers.tried(at(0));
  });

  test('is back when one request succeeds', () => {
    outliers.succeeded(at(0));
    assert.deepEqual(states, ['a ejected', 'a awaiting-trial', 'a on-trial', 'a in']);
    assert.equal(at(0).health.consecutiveErrors, 0);
  });

  test('is out for longer with every request that fails, up to a limit', () => {
    for (const lengthMs of [2_000, 2_500, 2_500]) {
      fail(0);
      clock.advance(lengthMs - 1);
      assert.equal(at(0).health.state, 'ejected');
      clock.advance(1);
      assert.equal(at(0).health.state, 'awaiting-trial');
      outliers.tried(at(0));
    }
  });

  test('begins anew when it was well for longer than it was out', () => {
    outliers.succeeded(at(0));
    fail(0, 2);
    assert.equal(at(0).health.lastEjectionMs, 2_000);
    clock.advance(2_000);
    outliers.tried(at(0));
    outliers.succeeded(at(0));
    clock.advance(2_001);
    fail(0, 2);
    assert.equal(at(0).health.lastEjectionMs, 1_000);
  });

  test('gets another request when the first was given up, or takes too long', () => {
    outliers.cancelled(at(0));
    assert.equal(at(0).health.state, 'awaiting-trial');
    outliers.tried(at(0));
    clock.advance(1_000);
    assert.equal(at(0).health.state, 'awaiting-trial');
  });

  test('has no past once it left', () => {
    outliers.forget(at(0));
    clock.advance(10_000);
    assert.deepEqual(states.slice(3), []);
    fail(1, 2);
    fail(2, 2);
    assert.deepEqual(states.slice(3), ['b ejected', 'c ejected']);
  });
});

describe('success rates', () => {
  const requests = (position: number, good: number, bad: number): void => {
    for (let i = 0; i < Math.max(good, bad); i++) {
      if (i < bad) outliers.failed(at(position), false, all.length);
      if (i < good) outliers.succeeded(at(position));
    }
  };
  const cases: { name: string; of: [good: number, bad: number][]; ejected: string[] }[] = [
    {
      name: 'below the limit',
      of: [
        [50, 50],
        [100, 0],
        [100, 0],
      ],
      ejected: ['a'],
    },
    { name: 'just at the limit', of: [[90, 10]], ejected: [] },
    { name: 'of too few requests', of: [[5, 5]], ejected: [] },
    {
      name: 'of more endpoints than may be out',
      of: [
        [80, 20],
        [70, 30],
        [60, 40],
      ],
      ejected: ['c', 'b'],
    },
  ];
  for (const { name, of, ejected } of cases) {
    test(`${name} eject ${ejected.join(' and ') || 'nobody'}`, () => {
      configure({ consecutiveErrors: 1000, successRate: { minPercent: 90, minRequests: 20 } });
      for (const [position, [good, bad]] of of.entries()) requests(position, good, bad);
      assert.deepEqual(states, []);
      interval();
      assert.deepEqual(
        states,
        ejected.map((one) => `${one} ejected`),
      );
      interval();
      assert.equal(all.filter(({ health }) => health.ejected).length, ejected.length);
    });
  }
});

describe('response times', () => {
  const cases: { name: string; of: (number | undefined)[]; ejected: string[] }[] = [
    { name: 'of equals', of: [60, 70, 80, 90], ejected: [] },
    { name: 'of one that is much slower', of: [60, 70, 300, 80], ejected: ['c'] },
    { name: 'that are short all the same', of: [1, 1, 40, 1], ejected: [] },
    { name: 'with nobody to compare with', of: [5_000], ejected: [] },
    { name: 'of the slower of two', of: [100, 900], ejected: ['b'] },
    { name: 'of two that are much slower', of: [60, 400, 70, 300], ejected: ['b', 'd'] },
  ];
  for (const { name, of, ejected } of cases) {
    test(`${name} eject ${ejected.join(' and ') || 'nobody'}`, () => {
      configure({ latency: { percent: 300, minMs: 50, minRequests: 10 } });
      assert.equal(outliers.timesAnswers, true);
      of.forEach((elapsedMs = 0, position) => {
        for (let i = 0; i < 10; i++) outliers.answered(at(position), elapsedMs);
      });
      interval();
      assert.deepEqual(
        states,
        ejected.map((one) => `${one} ejected`),
      );
    });
  }
});
