import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemorySource } from '../../test/fakes/memory-source.ts';
import { deriveModel } from './mesh-model.ts';
import { ruleSettings } from './policies.ts';
import type { HashSource, PortRoutes } from './types.ts';

const WEB = `
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { clusterIP: 10.0.0.1, ports: [{ name: http, port: 80 }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: r, namespace: shop }
spec:
  parentRefs: [{ group: "", kind: Service, name: web }]
  rules: [{ timeouts: { request: 1s } }]
`;

function policy(name: string, spec: string, more = ''): string {
  return `
apiVersion: remora.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: ${name}, namespace: shop${more} }
spec: ${spec}
`;
}

const onService = '{ kind: Service, name: web }';
const onRoute = '{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: r }';

function port(...texts: string[]): { routes: PortRoutes; apply: (text: string) => PortRoutes } {
  const source = new MemorySource();
  const model = deriveModel(source, 'cluster.local');
  const read = (): PortRoutes => {
    const [found] = model.routes.get('shop/web')?.producer.ports ?? [];
    assert.ok(found);
    return found;
  };
  source.markSynced().apply(WEB, ...texts);
  return {
    routes: read(),
    apply(text) {
      source.apply(text);
      return read();
    },
  };
}

test('the most specific wins, field by field: rule, then policy on the route, then on the service', () => {
  const { routes } = port(
    policy(
      'service',
      `{ targetRefs: [${onService}], timeouts: { request: 30s, perTry: 3s, connect: 500ms }, circuitBreaker: {} }`,
    ),
    policy(
      'route',
      `{ targetRefs: [${onRoute}], timeouts: { request: 20s, perTry: 2s }, retries: { attempts: 5, statusCodes: [504, 503] } }`,
    ),
  );
  const circuitBreaker = { consecutiveErrors: 5, ejectionMs: 30_000, maxEjectedPercent: 50 };
  assert.deepEqual(routes.rules[0]?.policy, {
    sources: ['TrafficPolicy/shop/route', 'TrafficPolicy/shop/service'],
    requestTimeoutMs: 1000,
    perTryTimeoutMs: 2000,
    connectTimeoutMs: 500,
    retries: {
      attempts: 5,
      statusCodes: [503, 504],
      connectFailure: true,
      backoffBaseMs: 25,
      backoffMaxMs: 250,
      budgetPercent: 20,
      budgetMinPerSecond: 10,
    },
    circuitBreaker,
  });
  assert.deepEqual(routes.policy, {
    sources: ['TrafficPolicy/shop/service'],
    requestTimeoutMs: 30_000,
    perTryTimeoutMs: 3000,
    connectTimeoutMs: 500,
    circuitBreaker,
  });
});

test('without policies, what a rule does not say is absent', () => {
  const { routes } = port();
  assert.deepEqual(routes.rules[0]?.policy, { sources: [], requestTimeoutMs: 1000 });
  assert.deepEqual(routes.policy, { sources: [] });
});

test('statuses of gRPC are told by number, and a pause of 0s is a value', () => {
  const retries = 'retries: { grpcStatuses: [UNAVAILABLE, CANCELLED], maxRetryAfter: 0s }';
  const { routes } = port(policy('p', `{ targetRefs: [${onService}], ${retries} }`));
  assert.deepEqual(routes.policy.retries?.grpcStatuses, [1, 14]);
  assert.equal(routes.policy.retries?.maxRetryAfterMs, 0);
});

test('a breaker is told with its times in milliseconds', () => {
  const breaker =
    '{ latency: { min: 20ms }, successRate: { minPercent: 90 }, interval: 5s, maxEjectionTime: 1m }';
  const { routes } = port(
    policy('p', `{ targetRefs: [${onService}], circuitBreaker: ${breaker} }`),
  );
  assert.deepEqual(routes.policy.circuitBreaker, {
    consecutiveErrors: 5,
    successRate: { minPercent: 90, minRequests: 20 },
    latency: { percent: 300, minMs: 20, minRequests: 20 },
    intervalMs: 5000,
    ejectionMs: 30_000,
    maxEjectionMs: 60_000,
    maxEjectedPercent: 50,
  });
});

test('hedging is told with durations as numbers, and its methods in one order', () => {
  const hedging = 'hedging: { percentile: 90, minDelay: 1s, methods: [POST, GET] }';
  const { routes } = port(policy('p', `{ targetRefs: [${onService}], ${hedging} }`));
  assert.deepEqual(routes.policy.hedging, {
    ...{ percentile: 90, minDelayMs: 1_000, methods: ['GET', 'POST'] },
    ...{ budgetPercent: 10, budgetMinPerSecond: 0 },
  });
});

test('a balancer is taken from one policy as a whole, and so are limits', () => {
  const { routes } = port(
    policy(
      'service',
      `{ targetRefs: [${onService}], loadBalancer: { type: RingHash, hash: { header: X-User } }, limits: { maxConnections: 5, maxRequests: 9 } }`,
    ),
    policy(
      'route',
      `{ targetRefs: [${onRoute}], loadBalancer: { type: PeakEwma }, limits: { maxPendingRequests: 0 } }`,
    ),
  );
  assert.deepEqual(routes.rules[0]?.policy.loadBalancer, { type: 'peak-ewma' });
  assert.deepEqual(routes.rules[0]?.policy.limits, { maxPendingRequests: 0 });
  assert.deepEqual(routes.policy.loadBalancer, {
    type: 'ring-hash',
    hash: { kind: 'header', name: 'x-user' },
  });
  assert.deepEqual(routes.policy.limits, { maxConnections: 5, maxRequests: 9 });
});

test('slow start and zones are told with their defaults', () => {
  const balancer = '{ type: PeakEwma, slowStart: {}, locality: {} }';
  const { routes } = port(policy('p', `{ targetRefs: [${onService}], loadBalancer: ${balancer} }`));
  assert.deepEqual(routes.policy.loadBalancer, {
    type: 'peak-ewma',
    slowStart: { windowMs: 30_000, minPercent: 10 },
    locality: { minHealthyPercent: 70 },
  });
});

const hashes: { spec: string; hash: HashSource }[] = [
  { spec: 'cookie: { name: Id }', hash: { kind: 'cookie', name: 'Id' } },
  { spec: 'cookie: { name: id, ttl: 0s }', hash: { kind: 'cookie', name: 'id', ttlSeconds: 0 } },
  { spec: 'cookie: { name: id, ttl: 1m }', hash: { kind: 'cookie', name: 'id', ttlSeconds: 60 } },
  { spec: 'cookie: { name: id, ttl: 5ms }', hash: { kind: 'cookie', name: 'id', ttlSeconds: 1 } },
  { spec: 'source: Pod', hash: { kind: 'source' } },
];
for (const { spec, hash } of hashes) {
  test(`a ring by { ${spec} } is told to sidecars`, () => {
    const { routes } = port(
      policy(
        'p',
        `{ targetRefs: [${onService}], loadBalancer: { type: RingHash, hash: { ${spec} } } }`,
      ),
    );
    assert.deepEqual(routes.policy.loadBalancer, { type: 'ring-hash', hash });
  });
}

test("a rule's timeout of 0s is a value, not an absence", () => {
  const rule = { matches: [], filters: [], backendRefs: [] };
  const timeouts = { request: '0s', backendRequest: '1s' };
  assert.deepEqual(ruleSettings({ ...rule, timeouts }), {
    requestTimeoutMs: 0,
    perTryTimeoutMs: 1000,
  });
});

test('a policy that turns bad stays in force as it last was good', () => {
  const { apply } = port(policy('p', `{ targetRefs: [${onService}], timeouts: { request: 5s } }`));
  const bad = apply(policy('p', `{ targetRefs: [${onService}], timeouts: { request: 5 } }`));
  assert.equal(bad.policy.requestTimeoutMs, 5000);
  const good = apply(policy('p', `{ targetRefs: [${onService}], timeouts: { request: 6s } }`));
  assert.equal(good.policy.requestTimeoutMs, 6000);
});

test('on one target the older decides, of equal age the first by name, field by field', () => {
  const spec = (timeouts: string) => `{ targetRefs: [${onService}], timeouts: ${timeouts} }`;
  const young = ', creationTimestamp: "2026-01-02T00:00:00Z"';
  const old = ', creationTimestamp: "2026-01-01T00:00:00Z"';
  const byAge = port(
    policy('a', spec('{ request: 1s, perTry: 1s }'), young),
    policy('b', spec('{ request: 2s }'), old),
  );
  assert.deepEqual(byAge.routes.policy, {
    sources: ['TrafficPolicy/shop/b', 'TrafficPolicy/shop/a'],
    requestTimeoutMs: 2000,
    perTryTimeoutMs: 1000,
  });
  const byName = port(
    policy('b', spec('{ request: 2s }'), old),
    policy('a', spec('{ request: 1s }'), old),
  );
  assert.deepEqual(byName.routes.policy.sources, ['TrafficPolicy/shop/a']);
});

test('a namespace is the default of its Services, and of no others', () => {
  const spec = (name: string) =>
    `{ targetRefs: [{ kind: Namespace, name: ${name} }], timeouts: { perTry: 7s, connect: 2s } }`;
  const { routes } = port(
    policy('default', spec('shop')),
    policy('service', `{ targetRefs: [${onService}], timeouts: { perTry: 3s } }`),
  );
  const sources = ['TrafficPolicy/shop/service', 'TrafficPolicy/shop/default'];
  assert.deepEqual(routes.policy, { sources, perTryTimeoutMs: 3000, connectTimeoutMs: 2000 });
  assert.deepEqual(routes.rules[0]?.policy, { ...routes.policy, requestTimeoutMs: 1000 });

  const elsewhere = policy('foreign', spec('shop')).replace('namespace: shop', 'namespace: bank');
  const another = policy('other', spec('bank'));
  assert.deepEqual(port(elsewhere, another).routes.policy, { sources: [] });
});
