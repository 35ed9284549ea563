import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ManualClock } from '../runtime/clock.ts';
import { type ClusterSource, type CompiledConfig, compileConfig } from './compile.ts';
import type { Config, HttpRule, Policy, Routes, Service } from './config/types.ts';
import { HeadReader } from './http1/head.ts';
import { parseRequest } from './http1/request.ts';
import { NO_POLICY } from './policy/defaults.ts';
import type { Route } from './route/route.ts';
import type { Cluster } from './upstream/types.ts';

class FakeClusters implements ClusterSource {
  readonly asked: string[] = [];
  readonly #clusters = new Map<string, Cluster>();

  cluster(service: string, port: number): Cluster {
    const name = `${service}:${port}`;
    this.asked.push(name);
    let cluster = this.#clusters.get(name);
    if (cluster === undefined) {
      const acquire = () => ({ cancel: () => {} });
      cluster = { name, acquire, acquireStream: acquire, hasUntried: () => false };
      this.#clusters.set(name, cluster);
    }
    return cluster;
  }
}

function service(namespace: string, name: string, address: string): Service {
  const ports = [
    { port: 80, name: 'http', protocol: 'http1' },
    { port: 6379, name: 'redis', protocol: 'tcp' },
  ] as const;
  return { namespace, name, addresses: address === '' ? [] : [address], ports };
}

function policy(own: Partial<Policy>): Policy {
  return { ...NO_POLICY, ...own };
}

function routes(name: string, rules: HttpRule[], own: Partial<Policy> = {}): Routes {
  return { service: name, ports: [{ port: 80, routeBound: false, rules, policy: policy(own) }] };
}

const cart = service('shop', 'cart', '10.0.0.1');
const other = service('other', 'cart', '10.0.0.2');
const headless = service('shop', 'db', '');
const base: Config = {
  version: '1',
  settings: {
    workload: 'web',
    trustDomain: 'mesh.test',
    inboundPorts: [{ port: 8080, name: 'http', protocol: 'http1' }],
    elections: [],
  },
  services: new Map(
    [cart, other, headless].map((each) => [`${each.namespace}/${each.name}`, each]),
  ),
  routes: new Map([['shop/cart', routes('shop/cart', [])]]),
  endpoints: new Map([['shop/cart', { service: 'shop/cart', endpoints: [] }]]),
  workloads: new Map(),
};

function compile(
  config: Config,
  clusters: ClusterSource = new FakeClusters(),
  previous?: CompiledConfig,
): CompiledConfig {
  return compileConfig(config, clusters, new ManualClock(), previous);
}

function selected(compiled: CompiledConfig): Route {
  const reader = new HeadReader('request');
  reader.feed(Buffer.from('GET /a HTTP/1.1\r\nHost: cart\r\n\r\n'), 0);
  const target = compiled.target('10.0.0.1', 80);
  assert.ok(target !== undefined);
  const route = target.http.routes.select(parseRequest(reader.head));
  assert.ok('cluster' in route);
  return route;
}

test('a connection is recognised by its cluster IP and port', () => {
  const compiled = compile(base);
  const target = compiled.target('10.0.0.1', 6379);
  assert.equal(target?.name, 'shop/cart');
  assert.equal(target?.protocol, 'tcp');
  assert.equal(target?.cluster.name, 'shop/cart:6379');
  assert.equal(compiled.target('10.0.0.1', 81), undefined);
  assert.equal(compiled.target('10.0.0.9', 80), undefined);
});

describe('a name is found', () => {
  const compiled = compile(base);
  for (const [host, expected] of [
    ['cart', 'shop/cart'],
    ['cart.other', 'other/cart'],
    ['cart.other.svc', 'other/cart'],
    ['cart.other.svc.cluster.local', 'other/cart'],
    ['cart.other.svc.mesh.test', 'other/cart'],
    ['cart.other.svc.cluster.local.', 'other/cart'],
    ['db', 'shop/db'],
    ['10.0.0.2', 'other/cart'],
    ['cart.other.svc.example.com', undefined],
    ['cart.other.example', undefined],
    ['example.com', undefined],
    ['nobody', undefined],
    ['', undefined],
  ] as const) {
    test(`${host}: ${expected}`, () => {
      assert.equal(compiled.targetByHost(host, 80, 'shop')?.name, expected);
    });
  }
});

test('the protocol of an own port is as declared, or detected', () => {
  assert.equal(compile(base).inboundProtocol(8080), 'http1');
  assert.equal(compile(base).inboundProtocol(9090), 'detect');
});

test('details are known when routes and endpoints have arrived', () => {
  assert.equal(compile(base).target('10.0.0.1', 80)?.detailsKnown, true);
  assert.equal(compile(base).target('10.0.0.2', 80)?.detailsKnown, false);
  const fixed = { ...base, version: 'static' };
  assert.equal(compile(fixed).target('10.0.0.2', 80)?.detailsKnown, true);
});

test('policies are filled in with the defaults, and layers follow them', () => {
  const own = { requestTimeoutMs: 500, idleTimeoutMs: 0 };
  const configured = {
    ...base,
    routes: new Map([['shop/cart', routes('shop/cart', [], own)]]),
  };
  const route = selected(compile(configured));
  assert.equal(route.policy.requestTimeoutMs, 500);
  assert.equal(route.policy.connectTimeoutMs, 1_000);
  assert.deepEqual(
    route.layers.map((layer) => layer.name),
    ['metrics', 'trace-context', 'request-timeout', 'stale-connection', 'other-endpoint'],
  );
  assert.equal(compile(configured).target('10.0.0.1', 80)?.tcp.idleTimeoutMs, 0);
  // The time limit is always there: a client of gRPC may bring one of its own.
  assert.deepEqual(
    selected(compile(base)).layers.map((layer) => layer.name),
    ['metrics', 'trace-context', 'request-timeout', 'stale-connection', 'other-endpoint'],
  );
  const logged = compileConfig(base, new FakeClusters(), new ManualClock(), undefined, true);
  assert.deepEqual(
    selected(logged).layers.map((layer) => layer.name),
    [
      ...['metrics', 'access-log', 'trace-context', 'request-timeout'],
      ...['stale-connection', 'other-endpoint'],
    ],
  );
});

test('hedging stands around a single try, and what it measured outlives configurations', () => {
  const hedging = {
    ...{ percentile: 95, minDelayMs: 10, methods: new Set(['GET']) },
    ...{ budgetPercent: 10, budgetMinPerSecond: 0 },
  };
  const own = { hedging, perTryTimeoutMs: 100 };
  const configured = { ...base, routes: new Map([['shop/cart', routes('shop/cart', [], own)]]) };
  const clusters = new FakeClusters();
  const first = compileConfig(configured, clusters, new ManualClock());
  const before = selected(first);
  assert.deepEqual(before.layers.map((layer) => layer.name).slice(-2), [
    ...['hedging', 'attempt-timeout'],
  ]);
  const changed = { ...own, hedging: { ...hedging, percentile: 90 } };
  const next = { ...base, routes: new Map([['shop/cart', routes('shop/cart', [], changed)]]) };
  const after = selected(compileConfig(next, clusters, new ManualClock(), first));
  assert.notEqual(after.policy.hedging, before.policy.hedging);
  assert.equal(after.policy.hedging?.times, before.policy.hedging?.times);
  assert.equal(after.policy.hedging?.budget, before.policy.hedging?.budget);
});

describe('after a change', () => {
  const rule: HttpRule = {
    name: 'rule',
    matches: [],
    backends: [{ kind: 'service', service: 'other/cart', port: 80, weight: 1 }],
    policy: policy({
      retries: {
        attempts: 1,
        statusCodes: new Set(),
        connectFailure: true,
        backoffBaseMs: 1,
        backoffMaxMs: 1,
        budgetPercent: 20,
        budgetMinPerSecond: 1,
      },
    }),
  };
  const routed = { ...base, routes: new Map([['shop/cart', routes('shop/cart', [rule])]]) };

  test('a service that did not change is taken over as it is', () => {
    const clusters = new FakeClusters();
    const before = compile(routed, clusters);
    const target = before.target('10.0.0.1', 80);
    clusters.asked.length = 0;
    const services = new Map(base.services).set('new/one', service('new', 'one', '10.0.0.7'));
    const next = compile({ ...routed, version: '2', services }, clusters, before);
    assert.equal(next.target('10.0.0.1', 80), target);
    assert.deepEqual(clusters.asked, []);
    assert.equal(next.target('10.0.0.7', 80)?.name, 'new/one');
  });

  test('a service with new routes is compiled anew, and its budget goes on', () => {
    const clusters = new FakeClusters();
    const before = compile(routed, clusters);
    const old = selected(before);
    const changed = { ...rule, name: 'changed' };
    const next = compile(
      { ...routed, routes: new Map([['shop/cart', routes('shop/cart', [changed])]]) },
      clusters,
      before,
    );
    const now = selected(next);
    assert.equal(old.name, 'rule');
    assert.equal(now.name, 'changed');
    assert.equal(now.cluster, old.cluster);
    assert.ok(now.policy.retries !== undefined);
    assert.equal(now.policy.retries.budget, old.policy.retries?.budget);
  });

  test('a service whose backend is another one now is compiled anew', () => {
    const clusters = new FakeClusters();
    const before = compile(routed, clusters);
    const target = before.target('10.0.0.1', 80);
    const services = new Map(base.services).set('other/cart', { ...other });
    const next = compile({ ...routed, services }, clusters, before);
    assert.notEqual(next.target('10.0.0.1', 80), target);
  });

  test('a service that is gone is not found', () => {
    const before = compile(base);
    before.target('10.0.0.1', 80);
    const services = new Map(base.services);
    services.delete('shop/cart');
    const next = compile({ ...base, services }, new FakeClusters(), before);
    assert.equal(next.target('10.0.0.1', 80), undefined);
    assert.equal(next.targetByHost('cart', 80, 'shop'), undefined);
  });

  test('details that arrive are noticed', () => {
    const without = { ...base, endpoints: new Map() };
    const before = compile(without);
    assert.equal(before.target('10.0.0.1', 80)?.detailsKnown, false);
    const next = compile(base, new FakeClusters(), before);
    assert.equal(next.target('10.0.0.1', 80)?.detailsKnown, true);
  });
});
