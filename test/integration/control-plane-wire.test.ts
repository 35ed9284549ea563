import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Filters, Policy, Resource } from '../../control-plane/model/types.ts';
import { encodePushHead, encodeResource } from '../../control-plane/stream/encode.ts';
import { v1 } from '../../proto/load.ts';
import { decodePush } from '../../sidecar/config/decode.ts';

/** What the control plane encodes, the sidecar understands: the two borders of the wire agree. */

const { responseDeserialize } = v1.Config.service.Subscribe;

const workload = {
  kind: 'workload',
  address: '10.0.0.1',
  pod: 'cart-1',
  namespace: 'shop',
  workload: 'cart',
  serviceAccount: 'cart',
  node: 'one',
  zone: 'a',
  trunkPort: 15008,
} as const;
const { kind: _, ...decodedWorkload } = workload;

const policy = {
  sources: ['shop/p'],
  requestTimeoutMs: 0,
  perTryTimeoutMs: 250,
  connectTimeoutMs: 100,
  retries: {
    attempts: 2,
    statusCodes: [503],
    connectFailure: true,
    backoffBaseMs: 25,
    backoffMaxMs: 250,
    budgetPercent: 20,
    budgetMinPerSecond: 3,
    grpcStatuses: [8, 14],
    maxRetryAfterMs: 0,
  },
  circuitBreaker: {
    consecutiveErrors: 5,
    consecutiveGatewayErrors: 3,
    successRate: { minPercent: 90, minRequests: 20 },
    latency: { percent: 300, minMs: 50, minRequests: 20 },
    intervalMs: 5_000,
    ejectionMs: 10_000,
    maxEjectionMs: 60_000,
    maxEjectedPercent: 50,
    minHealthyPercent: 30,
  },
  loadBalancer: {
    type: 'ring-hash',
    hash: { kind: 'cookie', name: 'id', ttlSeconds: 0 },
    locality: { minHealthyPercent: 70 },
  },
  limits: { maxConnections: 7, maxPendingRequests: 0 },
  hedging: {
    ...{ percentile: 90, minDelayMs: 5, methods: ['GET', 'POST'] },
    ...{ budgetPercent: 10, budgetMinPerSecond: 0 },
  },
} satisfies Policy;
const decodedPolicy = {
  ...policy,
  idleTimeoutMs: undefined,
  retries: {
    ...policy.retries,
    statusCodes: new Set([503]),
    grpcStatuses: new Set([8, 14]),
  },
  loadBalancer: {
    kind: 'ring-hash',
    hash: { kind: 'cookie', name: 'id', ttlSeconds: 0 },
    locality: { minHealthyPercent: 70 },
  },
  limits: { maxConnections: 7, maxPendingRequests: 0, maxRequests: undefined },
  hedging: { ...policy.hedging, methods: new Set(['GET', 'POST']) },
};

const cases: { name: string; resource: Resource; key?: string; decoded: unknown }[] = [
  {
    name: 'settings',
    resource: {
      kind: 'settings',
      workload: 'cart',
      trustDomain: 'cluster.local',
      inboundPorts: [{ port: 8080, name: 'grpc', protocol: 'grpc' }],
      elections: ['e'],
      zone: 'a',
    },
    decoded: {
      workload: 'cart',
      trustDomain: 'cluster.local',
      inboundPorts: [{ port: 8080, name: 'grpc', protocol: 'grpc' }],
      elections: ['e'],
      zone: 'a',
    },
  },
  {
    name: 'service/shop/cart',
    resource: {
      kind: 'service',
      namespace: 'shop',
      name: 'cart',
      addresses: ['10.1.0.1', 'fd00::1'],
      ports: (['detect', 'http1', 'http2', 'grpc', 'tcp', 'tls'] as const).map(
        (protocol, index) => ({ port: 80 + index, name: '', protocol }),
      ),
    },
    decoded: {
      namespace: 'shop',
      name: 'cart',
      addresses: ['10.1.0.1', 'fd00::1'],
      ports: ['detect', 'http1', 'http2', 'grpc', 'tcp', 'tls'].map((protocol, index) => ({
        port: 80 + index,
        name: '',
        protocol,
      })),
    },
  },
  {
    name: 'endpoints/shop/cart',
    resource: {
      kind: 'endpoints',
      service: 'shop/cart',
      endpoints: [
        { address: '10.0.0.1', ports: [{ servicePort: 80, targetPort: 8080 }], workload },
      ],
    },
    decoded: {
      service: 'shop/cart',
      endpoints: [{ address: '10.0.0.1', ports: new Map([[80, 8080]]), workload: decodedWorkload }],
    },
  },
  { name: 'workload/10.0.0.1', resource: workload, decoded: decodedWorkload },
  {
    name: 'workload/10.9.9.9',
    resource: {
      ...{ kind: 'workload', address: '10.9.9.9', pod: '', namespace: '', workload: '' },
      ...{ serviceAccount: '', node: '', zone: '', trunkPort: 0 },
    },
    decoded: null,
  },
  {
    name: 'routes/shop/cart',
    resource: {
      kind: 'routes',
      service: 'shop/cart',
      ports: [
        {
          port: 80,
          routeBound: true,
          policy: { sources: [] },
          rules: [
            {
              name: 'HTTPRoute/shop/cart/0',
              matches: [
                {
                  path: { kind: 'prefix', value: '/a' },
                  method: 'GET',
                  headers: [{ name: 'x-user', exact: 'me' }],
                  query: [{ name: 'q', exact: '1' }],
                },
                { path: { kind: 'exact', value: '/b' }, headers: [], query: [] },
                { headers: [], query: [] },
              ],
              backends: [
                { service: 'shop/cart-v2', port: 80, weight: 9 },
                { service: '', port: 0, weight: 1, invalid: 'there is no Service shop/gone' },
              ],
              policy,
            },
          ],
        },
      ],
    },
    decoded: {
      service: 'shop/cart',
      ports: [
        {
          port: 80,
          routeBound: true,
          policy: {
            sources: [],
            ...{ requestTimeoutMs: undefined, perTryTimeoutMs: undefined },
            ...{ connectTimeoutMs: undefined, idleTimeoutMs: undefined },
            ...{ retries: undefined, circuitBreaker: undefined },
            ...{ loadBalancer: undefined, limits: undefined },
          },
          rules: [
            {
              name: 'HTTPRoute/shop/cart/0',
              matches: [
                {
                  path: { kind: 'prefix', value: '/a' },
                  method: 'GET',
                  headers: [{ name: 'x-user', exact: 'me' }],
                  query: [{ name: 'q', exact: '1' }],
                },
                { path: { kind: 'exact', value: '/b' }, method: undefined, headers: [], query: [] },
                { path: { kind: 'any' }, method: undefined, headers: [], query: [] },
              ],
              backends: [
                { kind: 'service', service: 'shop/cart-v2', port: 80, weight: 9 },
                { kind: 'invalid', reason: 'there is no Service shop/gone', weight: 1 },
              ],
              policy: decodedPolicy,
            },
          ],
        },
      ],
    },
  },
];

const model = (filters: Filters): Resource => ({
  kind: 'routes',
  service: 'shop/cart',
  ports: [
    {
      port: 80,
      routeBound: true,
      policy: { sources: [] },
      rules: [
        {
          name: 'r',
          matches: [
            {
              path: { kind: 'expression', value: '/a+' },
              headers: [{ name: 'x', expression: 'b+' }],
              query: [{ name: 'q', expression: '' }],
            },
          ],
          backends: [{ service: 'shop/cart', port: 80, weight: 1, filters }],
          policy: { sources: [] },
          filters,
        },
      ],
    },
  ],
});

test('filters and expressions arrive as they were meant, and require their features', () => {
  const changes = { set: [{ name: 'x-a', value: 'ü' }], add: [], remove: ['x-b'] };
  const cors = {
    ...{ allowOrigins: ['https://*.a'], allowCredentials: true, allowMethods: ['GET'] },
    ...{ allowHeaders: ['x'], exposeHeaders: [], maxAgeSeconds: 5 },
  };
  const mirror = { service: 'shop/copy', port: 80, numerator: 1, denominator: 2 };
  const resource = model({
    requestHeaders: changes,
    responseHeaders: changes,
    redirect: { scheme: 'https', path: { kind: 'full', value: '/a' }, status: 301 },
    rewrite: { hostname: 'b', path: { kind: 'prefix', value: '' } },
    cors,
    mirrors: [mirror],
  });
  const message = responseDeserialize(
    encodeResource({ name: 'routes/shop/cart', version: 'w', resource }),
  );
  assert.deepEqual(message.resources[0]?.requires, ['filters.v1', 'regular-expressions.v1']);
  const [decoded] = decodePush(message).resources;
  assert.ok(decoded?.kind === 'routes');
  const rule = decoded.value.ports[0]?.rules[0];
  assert.deepEqual(rule?.matches, [
    {
      path: { kind: 'expression', value: '/a+' },
      method: undefined,
      headers: [{ name: 'x', expression: 'b+' }],
      query: [{ name: 'q', expression: '' }],
    },
  ]);
  const filters = {
    requestHeaders: changes,
    responseHeaders: changes,
    redirect: {
      ...{ scheme: 'https', hostname: undefined, port: undefined, status: 301 },
      path: { kind: 'full', value: '/a' },
    },
    rewrite: { hostname: 'b', path: { kind: 'prefix', value: '' } },
    cors,
    mirrors: [mirror],
  };
  assert.deepEqual(rule?.filters, filters);
  assert.deepEqual(rule?.backends[0], {
    ...{ kind: 'service', service: 'shop/cart', port: 80, weight: 1 },
    filters,
  });
});

test('what is absent in filters arrives absent', () => {
  const message = responseDeserialize(
    encodeResource({ name: 'routes/shop/cart', version: 'w', resource: model({ mirrors: [] }) }),
  );
  const [decoded] = decodePush(message).resources;
  assert.ok(decoded?.kind === 'routes');
  assert.deepEqual(decoded.value.ports[0]?.rules[0]?.filters, {
    ...{ requestHeaders: undefined, responseHeaders: undefined, redirect: undefined },
    ...{ rewrite: undefined, cors: undefined, mirrors: [] },
  });
});

for (const { name, resource, decoded } of cases) {
  test(`${name} arrives as it was meant`, () => {
    const bytes = Buffer.concat([
      encodePushHead(1, 'v', ['service/shop/gone']),
      encodeResource({ name, version: 'w', resource }),
    ]);
    const push = decodePush(responseDeserialize(bytes));
    assert.equal(push.version, 'v');
    assert.deepEqual(
      push.removed.map((item) => item.name),
      ['service/shop/gone'],
    );
    assert.equal(push.resources.length, 1);
    assert.equal(push.resources[0]?.version, 'w');
    assert.deepEqual(push.resources[0]?.value, decoded);
  });
}

const balancers: { sent: NonNullable<Policy['loadBalancer']>; arrives: object }[] = [
  { sent: { type: 'least-request' }, arrives: { kind: 'least-request' } },
  { sent: { type: 'peak-ewma' }, arrives: { kind: 'peak-ewma' } },
  { sent: { type: 'round-robin' }, arrives: { kind: 'round-robin' } },
  {
    sent: { type: 'ring-hash', hash: { kind: 'header', name: 'x-user' } },
    arrives: { kind: 'ring-hash', hash: { kind: 'header', name: 'x-user' } },
  },
  {
    sent: { type: 'ring-hash', hash: { kind: 'cookie', name: 'id' } },
    arrives: { kind: 'ring-hash', hash: { kind: 'cookie', name: 'id', ttlSeconds: undefined } },
  },
  {
    sent: { type: 'ring-hash', hash: { kind: 'source' } },
    arrives: { kind: 'ring-hash', hash: { kind: 'source' } },
  },
];
for (const { sent, arrives } of balancers) {
  test(`the balancer ${JSON.stringify(sent)} arrives as it was meant`, () => {
    const port = { port: 80, routeBound: false, rules: [] };
    const ports = [{ ...port, policy: { sources: [], loadBalancer: sent } }];
    const resource: Resource = { kind: 'routes', service: 'shop/cart', ports };
    const bytes = encodeResource({ name: 'routes/shop/cart', version: 'w', resource });
    const [decoded] = decodePush(responseDeserialize(bytes)).resources;
    assert.ok(decoded?.kind === 'routes');
    assert.deepEqual(decoded.value.ports[0]?.policy.loadBalancer, arrives);
  });
}

test('routes require the features that their policies use, and no others', () => {
  const requires = (resource: Resource) => {
    const bytes = encodeResource({ name: 'routes/shop/cart', version: 'w', resource });
    return responseDeserialize(bytes).resources[0]?.requires;
  };
  const port = { port: 80, routeBound: false, rules: [] };
  const routes = { kind: 'routes', service: 'shop/cart' } as const;
  assert.deepEqual(requires({ ...routes, ports: [{ ...port, policy: { sources: [] } }] }), []);
  const limits = { sources: [], limits: { maxRequests: 1 } };
  assert.deepEqual(requires({ ...routes, ports: [{ ...port, policy: limits }] }), [
    'policy.v1',
    'limits.v1',
  ]);
  const rule = { name: 'HTTPRoute/shop/cart/0', matches: [], backends: [], policy };
  const ports = [{ ...port, policy: { sources: [] }, rules: [rule] }];
  assert.deepEqual(requires({ ...routes, ports }), [
    'policy.v1',
    'load-balancer.v1',
    'limits.v1',
    'load-balancer.v2',
    'circuit-breaker.v2',
    'retries.v2',
    'hedging.v1',
  ]);
});

test('faults and rate limits arrive as they were meant, and require their features', () => {
  const matches = [
    {
      path: { kind: 'expression', value: '/a+' },
      method: 'POST',
      headers: [{ name: 'x', exact: '1' }],
      query: [],
    },
  ] as const;
  const limits = [
    { kind: 'everybody' } as const,
    { kind: 'caller' } as const,
    { kind: 'header', name: 'x-user' } as const,
  ].map((key, i) => ({
    ...{ name: `l${i}`, requests: 5, windowMs: 1_000, burst: 9, maxKeys: 7 },
    ...{ key, global: i === 1 },
  }));
  const rateLimits = { source: 'shop/r', target: 'HTTPRoute/shop/x', limits };
  const store = { redis: '[::1]:6379', timeoutMs: 50, failOpen: false };
  const policy = {
    sources: [],
    faults: {
      source: 'shop/f',
      matches,
      delay: { durationMs: 250, partsPerMillion: 1 },
      abort: { grpcStatus: 14, partsPerMillion: 1_000_000 },
      bandwidth: { bytesPerSecond: 1_024, partsPerMillion: 0 },
      expiresAt: '2026-01-31T12:00:00.5+01:00',
    },
    rateLimits: { ...rateLimits, store },
  } satisfies Policy;
  const resource: Resource = {
    kind: 'routes',
    service: 'shop/cart',
    ports: [{ port: 80, routeBound: false, rules: [], policy }],
  };
  const message = responseDeserialize(
    encodeResource({ name: 'routes/shop/cart', version: 'w', resource }),
  );
  assert.deepEqual(message.resources[0]?.requires, [
    'policy.v1',
    'faults.v1',
    'regular-expressions.v1',
    'rate-limits.v1',
  ]);
  const [decoded] = decodePush(message).resources;
  assert.ok(decoded?.kind === 'routes');
  const arrived = decoded.value.ports[0]?.policy;
  assert.deepEqual(arrived?.faults, {
    ...{ source: 'shop/f', matches },
    delay: policy.faults.delay,
    abort: { httpStatus: undefined, ...policy.faults.abort },
    bandwidth: policy.faults.bandwidth,
    expiresAtMs: Date.UTC(2026, 0, 31, 11, 0, 0, 500),
  });
  const decodedStore = { host: '::1', port: 6379, timeoutMs: 50, failOpen: false };
  assert.deepEqual(arrived?.rateLimits, { ...rateLimits, store: decodedStore });

  const settings = encodeResource({
    name: 'settings',
    version: 'w',
    resource: {
      ...{ kind: 'settings', workload: 'cart', trustDomain: 'cluster.local' },
      ...{ inboundPorts: [], elections: [] },
      rateLimits: [{ port: 8080, limits: [{ ...rateLimits, store }] }],
    },
  });
  const pushed = responseDeserialize(settings);
  assert.deepEqual(pushed.resources[0]?.requires, ['rate-limits.v1']);
  const [own] = decodePush(pushed).resources;
  assert.ok(own?.kind === 'settings');
  assert.deepEqual(own.value.rateLimits, [
    { port: 8080, limits: [{ ...rateLimits, store: decodedStore }] },
  ]);
});
