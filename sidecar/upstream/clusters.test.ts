import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { MeshError } from '../../runtime/errors.ts';
import { FakeObserver, FakeView, NO_POLICY } from '../../test/fakes/sidecars.ts';
import type {
  CircuitBreaker,
  Endpoint,
  Limits,
  LoadBalancer,
  Policy,
  Routes,
  Workload,
} from '../config/types.ts';
import { clusterPolicies } from './cluster-policy.ts';
import { ClusterRegistry } from './clusters.ts';
import type { Dialer } from './dialer.ts';
import type { Cluster, UpstreamConnection } from './types.ts';

const workload: Workload = {
  address: '10.0.0.1',
  pod: 'cart-1',
  namespace: 'shop',
  workload: 'cart',
  serviceAccount: 'cart',
  node: '',
  zone: '',
  trunkPort: 15008,
};
const endpoint: Endpoint = { address: '10.0.0.1', ports: new Map([[80, 8080]]), workload };

function registry(): {
  view: FakeView;
  clock: ManualClock;
  clusters: ClusterRegistry;
  dialed: string[];
} {
  const [view, clock] = [new FakeView(), new ManualClock()];
  const dialed: string[] = [];
  const dialer = (kind: string): Dialer => ({
    dial: async (host, port, { pod }) => {
      dialed.push(`${kind} ${host}:${port} ${pod}`.trim());
      throw new MeshError('connect-failed', 'nobody is there');
    },
  });
  const clusters = new ClusterRegistry({
    view,
    dialer: dialer('mesh'),
    localDialer: dialer('local'),
    observer: new FakeObserver(),
    source: 'shop/web-1',
    clock,
  });
  clusters.start();
  after(() => clusters.stop());
  return { view, clock, clusters, dialed };
}

function acquire(cluster: Cluster): Promise<UpstreamConnection> {
  return new Promise((resolve, reject) => {
    cluster.acquire(
      { tried: [], connectTimeoutMs: 1_000, pooled: true },
      { onConnection: resolve, onError: reject },
    );
  });
}

const failsWith = (cluster: Cluster, code: string): Promise<void> =>
  assert.rejects(acquire(cluster), (error) => error instanceof MeshError && error.code === code);

describe('the clusters', () => {
  test('give the same one for the same service and port, with its endpoints', async () => {
    const { view, clusters, dialed } = registry();
    view.service('shop/cart', '10.96.0.1', 80, 'http1', [endpoint]);
    const cluster = clusters.cluster('shop/cart', 80);
    assert.equal(clusters.cluster('shop/cart', 80), cluster);
    await failsWith(cluster, 'connect-failed');
    assert.deepEqual(dialed, ['mesh 10.0.0.1:8080 cart-1']);
    await failsWith(clusters.cluster('shop/cart', 81), 'no-endpoints');
  });

  test('ask for endpoints that are not known, and take them when they come', async () => {
    const { view, clusters } = registry();
    const waiting = failsWith(clusters.cluster('shop/cart', 80), 'connect-failed');
    assert.deepEqual(view.wanted, ['shop/cart']);
    view.service('shop/cart', '10.96.0.1', 80, 'http1', [endpoint]);
    await waiting;
  });

  test('forget a service that was deleted', async () => {
    const { view, clusters } = registry();
    view.service('shop/cart', '10.96.0.1', 80, 'http1', [endpoint]);
    const old = clusters.cluster('shop/cart', 80);
    view.change({ services: new Map(), endpoints: new Map(), routes: new Map() });
    await failsWith(old, 'no-endpoints');
    assert.notEqual(clusters.cluster('shop/cart', 80), old);
  });

  test('reach an address as who answers there, once that is known', async () => {
    const { clusters, dialed } = registry();
    const direct = clusters.direct('10.0.0.1', 5432, undefined);
    await failsWith(direct, 'connect-failed');
    assert.equal(clusters.direct('10.0.0.1', 5432, workload), direct);
    await failsWith(direct, 'connect-failed');
    assert.deepEqual(dialed, ['mesh 10.0.0.1:5432', 'mesh 10.0.0.1:5432 cart-1']);
  });

  test('reach the application without the mesh', async () => {
    const { clusters, dialed } = registry();
    await failsWith(clusters.local('10.0.0.9', 80), 'connect-failed');
    assert.deepEqual(dialed, ['local 10.0.0.9:80']);
  });

  test('forget addresses that were not used for a while', () => {
    const { clock, clusters } = registry();
    const direct = clusters.direct('10.0.0.1', 80, undefined);
    clock.advance(59_000);
    assert.equal(clusters.direct('10.0.0.1', 80, undefined), direct);
    clock.advance(2_000);
    assert.notEqual(clusters.direct('10.0.0.1', 80, undefined), direct);
  });
});

describe('the circuit breaker of a service port', () => {
  const breaker = (consecutiveErrors: number): CircuitBreaker => ({
    consecutiveErrors,
    ejectionMs: 1,
    maxEjectedPercent: 100,
  });
  const routes = (
    own: number | undefined,
    ...rules: [service: string, errors: number][]
  ): Routes => ({
    service: 'shop/cart',
    ports: [
      {
        port: 80,
        routeBound: true,
        policy: { ...NO_POLICY, circuitBreaker: own === undefined ? undefined : breaker(own) },
        rules: rules.map(([service, errors], index) => ({
          name: `rule ${index}`,
          matches: [],
          backends: [
            { kind: 'service', service, port: 80, weight: 1 },
            { kind: 'invalid', reason: '', weight: 1 },
          ],
          policy: { ...NO_POLICY, circuitBreaker: breaker(errors) },
        })),
      },
    ],
  });
  const cases: { name: string; routes: Routes; limits: Record<string, number> }[] = [
    { name: 'is its own', routes: routes(3), limits: { 'shop/cart:80': 3 } },
    {
      name: "is a rule's where a rule leads there",
      routes: routes(3, ['shop/cart', 7], ['shop/v2', 8]),
      limits: { 'shop/cart:80': 7, 'shop/v2:80': 8 },
    },
    {
      name: 'is the strictest of several rules',
      routes: routes(undefined, ['shop/v2', 8], ['shop/v2', 0], ['shop/v2', 2]),
      limits: { 'shop/v2:80': 2 },
    },
    { name: 'is the default where nobody says', routes: routes(undefined), limits: {} },
  ];
  for (const { name, routes: given, limits } of cases) {
    test(name, () => {
      const found = clusterPolicies(new Map([[given.service, given]]));
      const errors = [...found].map(([key, { circuitBreaker }]) => [
        key,
        circuitBreaker?.consecutiveErrors,
      ]);
      assert.deepEqual(Object.fromEntries(errors), limits);
    });
  }
});

describe('the balancer and the limits of a service port', () => {
  const ring = (header: string): LoadBalancer => ({
    kind: 'ring-hash',
    hash: { kind: 'header', name: header },
  });
  const limits = (maxConnections?: number, maxRequests?: number): Limits => ({
    maxConnections,
    maxPendingRequests: undefined,
    maxRequests,
  });
  const routes = (own: Partial<Policy>, ...rules: Partial<Policy>[]): Routes => ({
    service: 'shop/cart',
    ports: [
      {
        port: 80,
        routeBound: true,
        policy: { ...NO_POLICY, ...own },
        rules: rules.map((policy, index) => ({
          name: `rule ${index}`,
          matches: [],
          backends: [{ kind: 'service', service: 'shop/v2', port: 80, weight: 1 }],
          policy: { ...NO_POLICY, ...policy },
        })),
      },
    ],
  });
  const found = (given: Routes, key = 'shop/v2:80') =>
    clusterPolicies(new Map([[given.service, given]])).get(key);

  const source: LoadBalancer = { kind: 'ring-hash', hash: { kind: 'source' } };
  const table: { name: string; rules: LoadBalancer[]; wins: LoadBalancer }[] = [
    { name: 'the only one', rules: [{ kind: 'round-robin' }], wins: { kind: 'round-robin' } },
    {
      name: 'response time before turns',
      rules: [{ kind: 'peak-ewma' }, { kind: 'round-robin' }, { kind: 'least-request' }],
      wins: { kind: 'peak-ewma' },
    },
    { name: 'a ring before all', rules: [{ kind: 'peak-ewma' }, ring('x')], wins: ring('x') },
    { name: 'the first of equals', rules: [ring('x'), ring('y')], wins: ring('x') },
    { name: 'the source before other keys', rules: [ring('x'), source, ring('y')], wins: source },
  ];
  for (const { name, rules, wins } of table) {
    test(`is, of several rules, ${name}`, () => {
      const policies = rules.map((loadBalancer) => ({ loadBalancer }));
      assert.deepEqual(found(routes({}, ...policies))?.loadBalancer, wins);
    });
  }

  test('are the smallest of several rules, one by one', () => {
    const given = routes({}, { limits: limits(5) }, { limits: limits(7, 3) }, {});
    assert.deepEqual(found(given)?.limits, limits(5, 3));
  });

  test('are the own ones where no rule says anything of them', () => {
    const own = { loadBalancer: ring('x'), limits: limits(1) };
    const given = routes(own, {});
    const through = routes({}, { limits: limits(2) });
    assert.deepEqual(found(given, 'shop/cart:80')?.loadBalancer, ring('x'));
    const v2: Routes = { ...routes(own), service: 'shop/v2' };
    const both = clusterPolicies(
      new Map([
        ['shop/v2', v2],
        ['shop/cart', through],
      ]),
    ).get('shop/v2:80');
    assert.deepEqual(both?.limits, limits(2));
    assert.deepEqual(both?.loadBalancer, ring('x'));
  });

  test('keep connections no longer than the shortest time that a rule says; 0 is no limit', () => {
    const times = (...all: number[]): Routes =>
      routes({}, ...all.map((idleTimeoutMs) => ({ idleTimeoutMs })));
    assert.equal(found(times(5_000, 1_000))?.idleTimeoutMs, 1_000);
    assert.equal(found(times(0, 5_000))?.idleTimeoutMs, 5_000);
    assert.equal(found(routes({ idleTimeoutMs: 7 }, {}), 'shop/cart:80')?.idleTimeoutMs, 7);
  });

  test('have of slow start and zones what any rule says, but no slow start on a ring', () => {
    const slowStart = { windowMs: 1_000, minPercent: 10 };
    const locality = { minHealthyPercent: 70 };
    const slow = { loadBalancer: { kind: 'least-request', slowStart } } as const;
    const near = { loadBalancer: { kind: 'peak-ewma', locality } } as const;
    assert.deepEqual(found(routes({}, slow, near))?.loadBalancer, {
      ...{ kind: 'peak-ewma', locality, slowStart },
    });
    const onRing = found(routes({}, { loadBalancer: ring('x') }, slow))?.loadBalancer;
    assert.deepEqual(onRing, ring('x'));
  });

  test('come into force with a configuration, and are told', () => {
    const { view, clusters } = registry();
    view.service('shop/cart', '10.96.0.1', 80, 'http1', [endpoint]);
    clusters.cluster('shop/cart', 80);
    const told = () => Object(clusters.describe())['shop/cart:80'];
    assert.deepEqual(told().loadBalancer, { kind: 'least-request' });
    const given = routes({ loadBalancer: { kind: 'peak-ewma' }, limits: limits(3) });
    view.change({ routes: new Map([['shop/cart', given]]) });
    assert.deepEqual(told().loadBalancer, { kind: 'peak-ewma' });
    assert.equal(told().limits.maxConnections, 3);
    assert.deepEqual(
      { ...told(), loadBalancer: 0, limits: 0 },
      {
        ...{ loadBalancer: 0, limits: 0, requests: 0, connections: 0, pendingRequests: 0 },
        circuitBreaker: { consecutiveErrors: 5, ejectionMs: 10_000, maxEjectedPercent: 50 },
        endpoints: [
          {
            ...{
              address: '10.0.0.1',
              port: 8080,
              inFlight: 0,
              idle: 0,
              shared: 0,
              consecutiveErrors: 0,
            },
            ...{ ejected: false, usable: true, responseMs: null },
          },
        ],
      },
    );
  });

  test('do not hold for the own application, and for addresses', () => {
    const { clusters } = registry();
    clusters.local('10.0.0.9', 80);
    clusters.direct('10.0.0.1', 80, undefined);
    for (const told of Object.values(clusters.describe())) {
      assert.equal(Object(told).limits.maxConnections, Number.POSITIVE_INFINITY);
    }
  });
});
