import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemorySource } from '../../test/fakes/memory-source.ts';
import { deriveModel } from './mesh-model.ts';
import type { Filters, HttpRule } from './types.ts';

const SERVICES = ['web', 'copy']
  .map(
    (name) => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { clusterIP: 10.0.0.1, ports: [{ name: http, port: 80 }] }
`,
  )
  .join('---');

function ruleOf(rule: string): HttpRule {
  const source = new MemorySource();
  const model = deriveModel(source, 'cluster.local');
  source.markSynced().apply(
    SERVICES,
    `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: r, namespace: shop }
spec:
  parentRefs: [{ group: "", kind: Service, name: web }]
  rules: [${rule}]
`,
  );
  assert.equal(model.httpRoutes.get('shop/r')?.invalid, undefined);
  const found = model.routes.get('shop/web')?.producer.ports[0]?.rules[0];
  assert.ok(found);
  return found;
}

const table: { filter: string; expected: Omit<Filters, 'mirrors'> }[] = [
  {
    filter:
      '{ type: RequestHeaderModifier, requestHeaderModifier: { set: [{ name: X-A, value: b }], remove: [c] } }',
    expected: {
      requestHeaders: { set: [{ name: 'X-A', value: 'b' }], add: [], remove: ['c'] },
    },
  },
  {
    filter:
      '{ type: ResponseHeaderModifier, responseHeaderModifier: { add: [{ name: a, value: b }] } }',
    expected: { responseHeaders: { set: [], add: [{ name: 'a', value: 'b' }], remove: [] } },
  },
  {
    filter: '{ type: RequestRedirect, requestRedirect: {} }',
    expected: { redirect: { status: 302 } },
  },
  {
    filter:
      '{ type: RequestRedirect, requestRedirect: { scheme: https, hostname: a.b, port: 444, statusCode: 308, path: { type: ReplacePrefixMatch, replacePrefixMatch: /x } } }',
    expected: {
      redirect: {
        ...{ scheme: 'https', hostname: 'a.b', port: 444, status: 308 },
        path: { kind: 'prefix', value: '/x' },
      },
    },
  },
  {
    filter:
      '{ type: URLRewrite, urlRewrite: { hostname: a, path: { type: ReplaceFullPath, replaceFullPath: "" } } }',
    expected: { rewrite: { hostname: 'a', path: { kind: 'full', value: '/' } } },
  },
  {
    filter: '{ type: CORS, cors: { allowOrigins: ["https://*.a"], allowMethods: ["*"] } }',
    expected: {
      cors: {
        ...{ allowOrigins: ['https://*.a'], allowCredentials: false, allowMethods: ['*'] },
        ...{ allowHeaders: [], exposeHeaders: [], maxAgeSeconds: 5 },
      },
    },
  },
];

for (const { filter, expected } of table) {
  test(`${filter} of a rule`, () => {
    assert.deepEqual(ruleOf(`{ filters: [${filter}] }`).filters, { ...expected, mirrors: [] });
  });
}

test('a rule without filters has none, and neither has its backend', () => {
  const rule = ruleOf('{ backendRefs: [{ name: web, port: 80 }] }');
  assert.ok(!('filters' in rule));
  assert.deepEqual(rule.backends, [{ service: 'shop/web', port: 80, weight: 1 }]);
});

test('filters of a backend stand on it', () => {
  const { filters, backends } = ruleOf(
    '{ backendRefs: [{ name: web, port: 80, filters: [{ type: URLRewrite, urlRewrite: { hostname: a } }] }] }',
  );
  assert.equal(filters, undefined);
  assert.deepEqual(backends[0]?.filters, { rewrite: { hostname: 'a' }, mirrors: [] });
});

for (const { mirror, expected } of [
  { mirror: 'backendRef: { name: copy, port: 80 }', expected: [100, 100] },
  { mirror: 'backendRef: { name: copy, port: 80 }, percent: 5', expected: [5, 100] },
  {
    mirror: 'backendRef: { name: copy, port: 80 }, fraction: { numerator: 1, denominator: 1000 }',
    expected: [1, 1000],
  },
  {
    mirror: 'backendRef: { name: copy, port: 80 }, fraction: { numerator: 7 }',
    expected: [7, 100],
  },
  { mirror: 'backendRef: { name: absent, port: 80 }', expected: undefined },
  { mirror: 'backendRef: { name: copy, port: 81 }', expected: undefined },
  { mirror: 'backendRef: { name: copy, namespace: bank, port: 80 }', expected: undefined },
]) {
  test(`{ ${mirror} } is ${expected === undefined ? 'left out' : expected.join(' in ')}`, () => {
    const { filters } = ruleOf(
      `{ filters: [{ type: RequestMirror, requestMirror: { ${mirror} } }] }`,
    );
    const [numerator, denominator] = expected ?? [];
    assert.deepEqual(
      filters?.mirrors,
      expected && [{ service: 'shop/copy', port: 80, numerator, denominator }],
    );
  });
}

test('retries of a rule become its policy, with the defaults of a TrafficPolicy', () => {
  const { policy } = ruleOf('{ retry: { codes: [503, 500, 503], attempts: 3, backoff: 100ms } }');
  assert.deepEqual(policy.retries, {
    ...{ attempts: 3, statusCodes: [500, 503], connectFailure: true },
    ...{ backoffBaseMs: 100, backoffMaxMs: 1000, budgetPercent: 20, budgetMinPerSecond: 10 },
  });
});
