import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemorySource } from '../../test/fakes/memory-source.ts';
import { deriveModel, type MeshModel } from './mesh-model.ts';
import type { Backend, HttpMatch, HttpRule, PortRoutes, ValueMatch } from './types.ts';

const SERVICES = ['web', 'web-v1', 'web-v2', 'redis']
  .map(
    (name) => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec:
  clusterIP: 10.0.0.1
  ports:
    - { name: ${name === 'redis' ? 'redis' : 'http'}, port: 80 }
    - { name: metrics, port: 9090, appProtocol: ${name === 'redis' ? 'tcp' : 'http'} }
`,
  )
  .join('---');

function mesh(...texts: string[]): { source: MemorySource; model: MeshModel } {
  const source = new MemorySource();
  const model = deriveModel(source, 'cluster.local');
  source.markSynced().apply(SERVICES, ...texts);
  return { source, model };
}

interface RouteShape {
  readonly name?: string;
  readonly namespace?: string;
  readonly created?: string;
  readonly parent?: string;
  readonly rules?: string;
}

function route({
  name = 'r',
  namespace = 'shop',
  created = '2026-01-01T00:00:00Z',
  parent = '{ group: "", kind: Service, name: web, namespace: shop }',
  rules = '[{ backendRefs: [{ name: web-v1, port: 80 }] }]',
}: RouteShape): string {
  return `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${name}, namespace: ${namespace}, creationTimestamp: "${created}" }
spec:
  parentRefs: [${parent}]
  rules: ${rules}
`;
}

const portOf = (model: MeshModel, port: number, service = 'shop/web'): PortRoutes => {
  const found = model.routes.get(service)?.producer.ports.find((one) => one.port === port);
  assert.ok(found, `${service} has no port ${port}`);
  return found;
};
const rulesOf = (...texts: string[]): readonly HttpRule[] => portOf(mesh(...texts).model, 80).rules;

const SIGN = { exact: '=', prefix: '', expression: '~' };

function showValue(match: ValueMatch): string {
  return 'exact' in match ? `=${match.exact}` : `~${match.expression}`;
}

/** A match in one line, so that a table reads well. */
function show({ path, method, headers, query }: HttpMatch): string {
  return [
    path === undefined ? '*' : `${SIGN[path.kind]}${path.value}`,
    ...(method === undefined ? [] : [method]),
    ...headers.map((header) => `h:${header.name}${showValue(header)}`),
    ...query.map((parameter) => `q:${parameter.name}${showValue(parameter)}`),
  ].join(' ');
}
const matches = (rules: readonly HttpRule[]): string[] =>
  rules.flatMap((rule) => rule.matches.map(show));

test('a service without routes goes to itself, on every port', () => {
  const { model } = mesh();
  assert.deepEqual(model.routes.get('shop/web'), {
    producer: {
      kind: 'routes',
      service: 'shop/web',
      ports: [80, 9090].map((port) => ({
        port,
        routeBound: false,
        rules: [],
        policy: { sources: [] },
      })),
    },
    consumers: {},
  });
});

test('a route takes all HTTP ports, one by number, or one by name', () => {
  const bound = (parent: string) => {
    const { model } = mesh(route({ parent }));
    return [80, 9090].filter((port) => portOf(model, port).routeBound);
  };
  assert.deepEqual(bound('{ group: "", kind: Service, name: web }'), [80, 9090]);
  assert.deepEqual(bound('{ group: "", kind: Service, name: web, port: 9090 }'), [9090]);
  assert.deepEqual(bound('{ group: "", kind: Service, name: web, sectionName: http }'), [80]);
  assert.deepEqual(bound('{ group: "", kind: Service, name: web, port: 1 }'), []);
  assert.deepEqual(bound('{ kind: Gateway, name: web }'), []);
});

test('a port that carries TCP takes no route', () => {
  const { model } = mesh(route({ parent: '{ group: "", kind: Service, name: redis }' }));
  assert.equal(portOf(model, 80, 'shop/redis').routeBound, false);
});

const precedence: { name: string; texts: string[]; order: string[] }[] = [
  {
    name: 'exact before prefix, the longer prefix first',
    texts: [
      route({
        rules: `
    - matches:
        - path: { type: PathPrefix, value: / }
        - path: { type: PathPrefix, value: /a/b }
        - path: { type: Exact, value: /a }
        - path: { type: PathPrefix, value: /a/ }`,
      }),
    ],
    order: ['=/a', '/a/b', '/a', '*'],
  },
  {
    name: 'a method before headers, headers before query parameters, more of them first',
    texts: [
      route({
        rules: `
    - matches:
        - queryParams: [{ name: a, value: "1" }, { name: b, value: "2" }]
        - headers: [{ name: A, value: "1" }]
        - headers: [{ name: A, value: "1" }, { name: B, value: "2" }]
        - method: GET
        - method: GET
          headers: [{ name: A, value: "1" }]
        - queryParams: [{ name: a, value: "1" }]
        - {}`,
      }),
    ],
    order: ['* GET h:a=1', '* GET', '* h:a=1 h:b=2', '* h:a=1', '* q:a=1 q:b=2', '* q:a=1', '*'],
  },
  {
    name: 'an expression behind exact paths and before prefixes',
    texts: [
      route({
        rules: `
    - matches:
        - path: { type: PathPrefix, value: /a/b/c/d }
        - path: { type: RegularExpression, value: "/a.*" }
        - path: { type: Exact, value: /a }
        - headers: [{ type: RegularExpression, name: A, value: "b+" }]
          queryParams: [{ type: RegularExpression, name: q, value: "c+" }]`,
      }),
    ],
    order: ['=/a', '~/a.*', '/a/b/c/d', '* h:a~b+ q:q~c+'],
  },
  {
    name: 'a longer path before a method',
    texts: [
      route({
        rules: `
    - matches: [{ method: GET, path: { value: /a } }]
    - matches: [{ path: { value: /a/b } }]`,
      }),
    ],
    order: ['/a/b', '/a GET'],
  },
  {
    name: 'of equal names only the first counts, whatever its case',
    texts: [
      route({
        rules: `
    - matches:
        - headers: [{ name: X-A, value: "1" }, { name: x-a, value: "2" }, { name: b, value: "3" }]
          queryParams: [{ name: q, value: "1" }, { name: q, value: "2" }, { name: Q, value: "3" }]`,
      }),
    ],
    order: ['* h:x-a=1 h:b=3 q:q=1 q:Q=3'],
  },
];

for (const { name, texts, order } of precedence) {
  test(`precedence: ${name}`, () => assert.deepEqual(matches(rulesOf(...texts)), order));
}

test('precedence: equal matches of several routes go by age, then name, then the order of rules', () => {
  const rules = '[{ name: first }, { name: second }]';
  const texts = [
    route({ name: 'b', created: '2026-01-02T00:00:00Z', rules }),
    route({ name: 'c', created: '2026-01-01T00:00:00Z', rules }),
    route({ name: 'a', created: '2026-01-02T00:00:00Z', rules }),
  ];
  const expected = ['c', 'a', 'b'].flatMap((name) => [
    `HTTPRoute/shop/${name}/first`,
    `HTTPRoute/shop/${name}/second`,
  ]);
  for (const order of [texts, texts.toReversed()]) {
    assert.deepEqual(
      rulesOf(...order).map((rule) => rule.name),
      expected,
    );
  }
});

test('a rule whose matches are interrupted by another route stands twice, else once', () => {
  const rules = rulesOf(
    route({
      name: 'a',
      rules: '[{ matches: [{ path: { value: /x } }, { path: { value: /y } }, {}] }]',
    }),
    route({ name: 'b', rules: '[{ matches: [{ method: GET }] }]' }),
  );
  assert.deepEqual(
    rules.map((rule) => [rule.name, rule.matches.map(show)]),
    [
      ['HTTPRoute/shop/a/0', ['/x', '/y']],
      ['HTTPRoute/shop/b/0', ['* GET']],
      ['HTTPRoute/shop/a/0', ['*']],
    ],
  );
});

const GRANT = `
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: { name: g, namespace: bank }
spec:
  from: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop }]
  to: [{ group: "", kind: Service, name: pay }]
`;
const BANK = ['pay', 'vault']
  .map(
    (name) => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: bank }
spec: { clusterIP: 10.0.9.1, ports: [{ port: 80 }] }
`,
  )
  .join('---');

const backends: { ref: string; expected: Backend }[] = [
  {
    ref: '{ name: web-v1, port: 80 }',
    expected: { service: 'shop/web-v1', port: 80, weight: 1 },
  },
  {
    ref: '{ name: web-v1, port: 80, weight: 0 }',
    expected: { service: 'shop/web-v1', port: 80, weight: 0 },
  },
  {
    ref: '{ name: absent, port: 80, weight: 3 }',
    expected: {
      service: 'shop/absent',
      port: 80,
      weight: 3,
      invalid: 'backend shop/absent: there is no such Service',
    },
  },
  {
    ref: '{ name: web-v1, port: 81 }',
    expected: {
      service: 'shop/web-v1',
      port: 81,
      weight: 1,
      invalid: 'backend shop/web-v1: the Service has no TCP port 81',
    },
  },
  {
    ref: '{ name: web-v1 }',
    expected: {
      service: 'shop/web-v1',
      port: 0,
      weight: 1,
      invalid: 'backend shop/web-v1: a Service needs a port',
    },
  },
  {
    ref: '{ group: example.com, kind: Bucket, name: b }',
    expected: {
      service: 'shop/b',
      port: 0,
      weight: 1,
      invalid: 'backend example.com/Bucket shop/b: only a Service can be a backend',
    },
  },
  {
    ref: '{ name: pay, namespace: bank, port: 80 }',
    expected: { service: 'bank/pay', port: 80, weight: 1 },
  },
  {
    ref: '{ name: vault, namespace: bank, port: 80 }',
    expected: {
      service: 'bank/vault',
      port: 80,
      weight: 1,
      invalid:
        'backend bank/vault is in another namespace, which has no ReferenceGrant for HTTPRoutes of shop',
    },
  },
];

for (const { ref, expected } of backends) {
  test(`backend ${ref} is ${expected.invalid ?? 'used'}`, () => {
    const [rule] = rulesOf(route({ rules: `[{ backendRefs: [${ref}] }]` }), BANK, GRANT);
    assert.deepEqual(rule?.backends, [expected]);
  });
}

test('a rule without backends goes to the service itself', () => {
  const [rule] = rulesOf(route({ rules: '[{ matches: [{ path: { value: /a } }] }]' }));
  assert.deepEqual(rule?.backends, [{ service: 'shop/web', port: 80, weight: 1 }]);
});

test('a backend is used once its Service or its grant is there', () => {
  const { source, model } = mesh(
    route({ rules: '[{ backendRefs: [{ name: pay, namespace: bank, port: 80 }] }]' }),
  );
  const invalid = () => portOf(model, 80).rules[0]?.backends[0]?.invalid;
  assert.match(invalid() ?? '', /no ReferenceGrant/);
  source.apply(GRANT);
  assert.match(invalid() ?? '', /no such Service/);
  source.apply(BANK);
  assert.equal(invalid(), undefined);
  source.delete('gateway.networking.k8s.io/v1beta1/ReferenceGrant', 'bank/g');
  assert.match(invalid() ?? '', /no ReferenceGrant/);
});

test("a consumer's route holds for its own namespace alone", () => {
  const { model } = mesh(
    route({ name: 'mine' }),
    route({ name: 'theirs', namespace: 'bank', rules: '[{ name: consumer }]' }),
  );
  const routes = model.routes.get('shop/web');
  const names = (ports: readonly PortRoutes[] | undefined) =>
    ports?.flatMap((port) => port.rules.map((rule) => rule.name));
  assert.deepEqual(names(routes?.producer.ports), [
    'HTTPRoute/shop/mine/0',
    'HTTPRoute/shop/mine/0',
  ]);
  assert.deepEqual(Object.keys(routes?.consumers ?? {}), ['bank']);
  assert.deepEqual(names(routes?.consumers.bank?.ports), [
    'HTTPRoute/bank/theirs/consumer',
    'HTTPRoute/bank/theirs/consumer',
  ]);
});

test("a consumer's route may lead back to its parent without a grant, and nowhere else", () => {
  const rules = `[{ backendRefs: ${'[{ name: web, namespace: shop, port: 80 }, { name: web-v1, namespace: shop, port: 80 }]'} }]`;
  const { model } = mesh(route({ name: 'theirs', namespace: 'bank', rules }));
  const backends = model.routes.get('shop/web')?.consumers.bank?.ports[0]?.rules[0]?.backends;
  assert.equal(backends?.[0]?.invalid, undefined);
  assert.match(backends?.[1]?.invalid ?? '', /no ReferenceGrant for HTTPRoutes of bank/);
});

const unsupported: { what: string; rules: string }[] = [
  {
    what: 'a broken regular expression as path',
    rules: '[{ matches: [{ path: { type: RegularExpression, value: "/(a" } }] }]',
  },
  {
    what: 'a regular expression with a back reference as header',
    rules:
      '[{ matches: [{ headers: [{ type: RegularExpression, name: a, value: "(b)\\\\1" }] }] }]',
  },
  { what: 'a filter without its settings', rules: '[{ filters: [{ type: RequestRedirect }] }]' },
  {
    what: 'a filter of somebody else',
    rules: '[{ filters: [{ type: ExtensionRef, extensionRef: { group: a, kind: B, name: c } }] }]',
  },
  {
    what: 'one filter twice',
    rules:
      '[{ filters: [{ type: URLRewrite, urlRewrite: { hostname: a } }, { type: URLRewrite, urlRewrite: { hostname: b } }] }]',
  },
  {
    what: 'a redirect and a rewrite',
    rules:
      '[{ filters: [{ type: URLRewrite, urlRewrite: { hostname: a } }, { type: RequestRedirect, requestRedirect: {} }] }]',
  },
  {
    what: 'a redirect with backends',
    rules:
      '[{ filters: [{ type: RequestRedirect, requestRedirect: {} }], backendRefs: [{ name: web, port: 80 }] }]',
  },
  {
    what: 'a prefix that is replaced where none was matched',
    rules:
      '[{ matches: [{ path: { type: Exact, value: /a } }], filters: [{ type: URLRewrite, urlRewrite: { path: { type: ReplacePrefixMatch, replacePrefixMatch: /b } } }] }]',
  },
  {
    what: 'a path that holds a query',
    rules:
      '[{ filters: [{ type: URLRewrite, urlRewrite: { path: { type: ReplaceFullPath, replaceFullPath: "/a?b" } } }] }]',
  },
  {
    what: 'a status that is no redirect',
    rules: '[{ filters: [{ type: RequestRedirect, requestRedirect: { statusCode: 200 } }] }]',
  },
  ...['Host', 'content-length', 'Connection', 'x-remora-error', 'a b'].map((name) => ({
    what: `a change of the header ${name}`,
    rules: `[{ filters: [{ type: RequestHeaderModifier, requestHeaderModifier: { set: [{ name: ${name}, value: a }] } }] }]`,
  })),
  {
    what: 'a header that begins another',
    rules:
      '[{ filters: [{ type: ResponseHeaderModifier, responseHeaderModifier: { add: [{ name: a, value: "b\\r\\nc: d" }] } }] }]',
  },
  {
    what: 'more copies than requests',
    rules:
      '[{ filters: [{ type: RequestMirror, requestMirror: { backendRef: { name: web, port: 80 }, fraction: { numerator: 3, denominator: 2 } } }] }]',
  },
  {
    what: 'a filter of a backend',
    rules: '[{ backendRefs: [{ name: a, port: 1, filters: [{ type: X }] }] }]',
  },
  {
    what: 'a session without its time',
    rules: '[{ sessionPersistence: { cookie: { lifetimeType: Permanent } } }]',
  },
  { what: 'retries of a success', rules: '[{ retry: { codes: [200] } }]' },
  { what: 'a field of a later release', rules: '[{ tomorrow: true }]' },
  { what: 'a bad duration', rules: '[{ timeouts: { request: soon } }]' },
  { what: 'a path without a slash', rules: '[{ matches: [{ path: { value: a } }] }]' },
];

for (const { what, rules } of unsupported) {
  test(`${what} leaves the last good route in force`, () => {
    const { source, model } = mesh(route({ rules: '[{ name: good }]' }));
    source.apply(route({ rules }));
    assert.equal(model.httpRoutes.get('shop/r')?.invalid?.reason, 'UnsupportedValue');
    assert.equal(portOf(model, 80).rules[0]?.name, 'HTTPRoute/shop/r/good');
    source.delete('gateway.networking.k8s.io/v1/HTTPRoute', 'shop/r');
    assert.equal(portOf(model, 80).routeBound, false);
  });
}

test('a Service as parent without the empty group is told, not ignored', () => {
  const { model } = mesh(route({ parent: '{ kind: Service, name: web }' }));
  assert.match(model.httpRoutes.get('shop/r')?.invalid?.message ?? '', /needs group: ""/);
  assert.equal(portOf(model, 80).routeBound, false);
});
