import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemorySource } from '../../test/fakes/memory-source.ts';
import { deriveModel, type MeshModel } from './mesh-model.ts';
import type { PortRoutes } from './types.ts';

const service = (name: string, ports: string) => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { clusterIP: 10.0.0.1, ports: ${ports} }
`;

const SERVICES = [
  service(
    'calc',
    '[{ name: api, port: 7070 }, { name: http, port: 80 }, { name: more, port: 81 }]',
  ),
  service('v1', '[{ name: grpc, port: 7070 }]'),
].join('---');

function grpcRoute(rules: string, parent = 'port: 7070', namespace = 'shop'): string {
  return `
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: { name: r, namespace: ${namespace}, creationTimestamp: "2026-01-02T00:00:00Z" }
spec:
  parentRefs: [{ group: "", kind: Service, name: calc, namespace: shop${parent && `, ${parent}`} }]
  rules: ${rules}
`;
}

const HTTP_ROUTE = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: h, namespace: shop, creationTimestamp: "2026-01-01T00:00:00Z" }
spec:
  parentRefs: [{ group: "", kind: Service, name: calc }]
  rules: [{ name: web }]
`;

function mesh(...texts: string[]): MeshModel {
  const source = new MemorySource();
  const model = deriveModel(source, 'cluster.local');
  source.markSynced().apply(SERVICES, ...texts);
  return model;
}

function portOf(model: MeshModel, port: number): PortRoutes {
  const found = model.routes.get('shop/calc')?.producer.ports.find((one) => one.port === port);
  assert.ok(found);
  return found;
}

const protocols = (model: MeshModel) =>
  model.services.get('shop/calc')?.ports.map((port) => port.protocol);

for (const { method, path } of [
  {
    method: '{ service: a.B, method: Add }',
    path: { kind: 'exact', value: '/a.B/Add' },
  },
  { method: '{ service: a.B }', path: { kind: 'prefix', value: '/a.B' } },
  { method: '{ method: Add }', path: { kind: 'expression', value: '/[^/]+/(?:Add)' } },
  {
    method: '{ type: RegularExpression, service: "a|b", method: "A.*" }',
    path: { kind: 'expression', value: '/(?:a|b)/(?:A.*)' },
  },
  {
    method: '{ type: RegularExpression, service: a }',
    path: { kind: 'expression', value: '/(?:a)/[^/]+' },
  },
]) {
  test(`the method ${method} is the path ${path.value}`, () => {
    const model = mesh(grpcRoute(`[{ matches: [{ method: ${method} }] }]`));
    assert.deepEqual(portOf(model, 7070).rules[0]?.matches, [{ path, headers: [], query: [] }]);
  });
}

test('precedence: the longest service, the longest method, more headers', () => {
  const rules = [
    '{ name: all }',
    '{ name: method, matches: [{ method: { method: Multiply } }] }',
    '{ name: expression, matches: [{ method: { type: RegularExpression, service: "some.long.expression" } }] }',
    '{ name: service, matches: [{ method: { service: a.B } }] }',
    '{ name: headers, matches: [{ method: { service: a.B }, headers: [{ name: x, value: y }] }] }',
    '{ name: both, matches: [{ method: { service: a.B, method: Add } }] }',
    '{ name: longer, matches: [{ method: { service: a.Bc } }] }',
  ];
  const model = mesh(grpcRoute(`[${rules.join(', ')}]`));
  assert.deepEqual(
    portOf(model, 7070).rules.map((rule) => rule.name.split('/').at(-1)),
    ['longer', 'both', 'headers', 'service', 'method', 'expression', 'all'],
  );
  assert.equal(portOf(model, 7070).rules[0]?.name, 'GRPCRoute/shop/r/longer');
});

test('a port that a GRPCRoute of its own namespace names is HTTP/2', () => {
  assert.deepEqual(protocols(mesh()), ['detect', 'http1', 'detect']);
  assert.deepEqual(protocols(mesh(grpcRoute('[{}]'))), ['grpc', 'http1', 'detect']);
  assert.deepEqual(protocols(mesh(grpcRoute('[{}]', 'sectionName: api'))), [
    'grpc',
    'http1',
    'detect',
  ]);
  // All ports are meant: what each carries has still to be seen.
  assert.deepEqual(protocols(mesh(grpcRoute('[{}]', ''))), ['detect', 'http1', 'detect']);
  assert.deepEqual(protocols(mesh(grpcRoute('[{}]', 'port: 7070', 'bank'))), [
    'detect',
    'http1',
    'detect',
  ]);
});

test('a GRPCRoute takes no port of HTTP/1, and the HTTPRoutes of a port that it takes do not count', () => {
  const model = mesh(HTTP_ROUTE, grpcRoute('[{ name: call }]', 'port: 7070'));
  const names = [7070, 80, 81].map((port) => portOf(model, port).rules.map((rule) => rule.name));
  assert.deepEqual(names, [
    ['GRPCRoute/shop/r/call'],
    ['HTTPRoute/shop/h/web'],
    ['HTTPRoute/shop/h/web'],
  ]);
  assert.equal(portOf(mesh(grpcRoute('[{}]', 'port: 80')), 80).routeBound, false);
});

for (const { what, rules } of [
  { what: 'neither service nor method', rules: '[{ matches: [{ method: {} }] }]' },
  { what: 'a service that is none', rules: '[{ matches: [{ method: { service: a/b } }] }]' },
  {
    what: 'a broken expression',
    rules: '[{ matches: [{ method: { type: RegularExpression, method: "(" } }] }]',
  },
  {
    what: 'a filter of HTTPRoutes',
    rules: '[{ filters: [{ type: URLRewrite, urlRewrite: { hostname: a } }] }]',
  },
]) {
  test(`a GRPCRoute with ${what} is refused`, () => {
    const model = mesh(grpcRoute(rules));
    assert.equal(model.grpcRoutes.get('shop/r')?.invalid?.reason, 'UnsupportedValue');
    assert.equal(portOf(model, 7070).routeBound, false);
  });
}

test('a policy on a GRPCRoute is in force for its rules', () => {
  const policy = `
apiVersion: remora.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: p, namespace: shop }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: GRPCRoute, name: r }]
  timeouts: { request: 3s }
`;
  const [rule] = portOf(mesh(policy, grpcRoute('[{}]')), 7070).rules;
  assert.equal(rule?.policy.requestTimeoutMs, 3000);
  assert.deepEqual(rule?.policy.sources, ['TrafficPolicy/shop/p']);
});

test('a grant for GRPCRoutes is none for HTTPRoutes', () => {
  const rules = '[{ backendRefs: [{ name: pay, namespace: bank, port: 7070 }] }]';
  const there = `
apiVersion: v1
kind: Service
metadata: { name: pay, namespace: bank }
spec: { clusterIP: 10.0.0.2, ports: [{ name: grpc, port: 7070 }] }
`;
  const grant = (kind: string) => `
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: { name: g, namespace: bank }
spec:
  from: [{ group: gateway.networking.k8s.io, kind: ${kind}, namespace: shop }]
  to: [{ group: "", kind: Service }]
`;
  const backendFor = (kind: string) =>
    portOf(mesh(there, grant(kind), grpcRoute(rules)), 7070).rules[0]?.backends[0];
  assert.equal(backendFor('GRPCRoute')?.invalid, undefined);
  assert.match(backendFor('HTTPRoute')?.invalid ?? '', /no ReferenceGrant for GRPCRoutes of shop/);
});
