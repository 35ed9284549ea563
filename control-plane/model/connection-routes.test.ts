import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemorySource } from '../../test/fakes/memory-source.ts';
import { createMeshState, type Mesh } from '../snapshot/mesh-state.ts';
import type { RouteVerdicts } from '../status/verdicts.ts';
import type { PortRoutes } from './types.ts';

const SERVICES = ['db', 'db-v1', 'db-v2']
  .map(
    (name) => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec:
  clusterIP: 10.0.0.1
  ports:
    - { name: tcp, port: 5432 }
    - { name: tls, port: 443 }
    - { name: http, port: 80 }
    - { name: any, port: 9000 }
`,
  )
  .join('---');

interface Shape {
  readonly kind: string;
  readonly version?: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly port?: number;
  readonly hostnames?: string;
  readonly backends?: string;
}

function route(shape: Shape): string {
  const { kind, version = 'v1', name = 'r', namespace = 'shop', port, hostnames } = shape;
  const backends = shape.backends ?? '[{ name: db-v1, port: 5432 }]';
  return `
apiVersion: gateway.networking.k8s.io/${version}
kind: ${kind}
metadata: { name: ${name}, namespace: ${namespace}, creationTimestamp: "2026-01-01T00:00:00Z" }
spec:
  parentRefs: [{ group: "", kind: Service, name: db, namespace: shop${port === undefined ? '' : `, port: ${port}`} }]
  ${hostnames === undefined ? '' : `hostnames: ${hostnames}`}
  rules: [{ backendRefs: ${backends} }]
`;
}

function mesh(...texts: string[]): Mesh {
  const source = new MemorySource();
  const created = createMeshState({ source, trustDomain: 'cluster.local' });
  source.markSynced().apply(SERVICES, ...texts);
  return created;
}

const portOf = ({ model }: Mesh, port: number): PortRoutes | undefined =>
  model.routes.get('shop/db')?.producer.ports.find((one) => one.port === port);

const judgedOf = (
  { judged: kinds }: Mesh,
  kind: string,
  key: string,
): RouteVerdicts['parents'] | undefined => {
  const judged = kinds.find((one) => one.kind === kind)?.judgements.get(key);
  return judged !== undefined && 'parents' in judged ? judged.parents : undefined;
};

const accepted = (parents: RouteVerdicts['parents'] | undefined): string => {
  const [verdict] = parents?.[0]?.verdicts ?? [];
  return `${verdict?.status} ${verdict?.reason}: ${verdict?.message}`;
};

for (const version of ['v1', 'v1alpha2']) {
  test(`a TCPRoute of ${version} takes the ports of TCP, with weights`, () => {
    const backends = '[{ name: db-v1, port: 5432, weight: 9 }, { name: db-v2, port: 1 }]';
    const state = mesh(route({ kind: 'TCPRoute', version, backends }));
    const bound = [5432, 443, 80, 9000].filter((port) => portOf(state, port)?.connectionRules);
    assert.deepEqual(bound, [5432, 443, 9000]);
    assert.deepEqual(portOf(state, 5432)?.connectionRules, [
      {
        name: 'TCPRoute/shop/r/0',
        serverNames: [],
        tlsOnly: false,
        backends: [
          { service: 'shop/db-v1', port: 5432, weight: 9 },
          {
            ...{ service: 'shop/db-v2', port: 1, weight: 1 },
            invalid: 'backend shop/db-v2: the Service has no TCP port 1',
          },
        ],
        policy: { sources: [] },
      },
    ]);
    const judged = judgedOf(state, 'TCPRoute', 'shop/r');
    assert.match(accepted(judged), /^True Accepted/);
    assert.equal(judged?.[0]?.verdicts[1]?.reason, 'BackendNotFound');
  });
}

for (const version of ['v1', 'v1alpha3', 'v1alpha2']) {
  test(`TLSRoutes of ${version} stand by their server names: exact before wildcards, longer first`, () => {
    const state = mesh(
      route({ kind: 'TLSRoute', version, name: 'a', hostnames: '["*.b.example", a.example]' }),
      route({ kind: 'TLSRoute', version, name: 'b', hostnames: '["*.example", x.b.example]' }),
    );
    const rules = portOf(state, 443)?.connectionRules?.map(({ name, serverNames, tlsOnly }) => [
      ...[name, tlsOnly, ...serverNames],
    ]);
    assert.deepEqual(rules, [
      ['TLSRoute/shop/b/0', true, 'x.b.example'],
      ['TLSRoute/shop/a/0', true, 'a.example', '*.b.example'],
      ['TLSRoute/shop/b/0', true, '*.example'],
    ]);
  });
}

test('where several kinds want a port the most specific has it, and the others are Conflicted', () => {
  const http = route({ kind: 'HTTPRoute', name: 'h', port: 9000 });
  const tls = route({ kind: 'TLSRoute', name: 't', hostnames: '[a.example]' });
  const tcp = route({ kind: 'TCPRoute', name: 'c', port: 443 });
  const state = mesh(http, tls, tcp);
  assert.equal(portOf(state, 9000)?.connectionRules, undefined);
  assert.equal(portOf(state, 443)?.connectionRules?.[0]?.name, 'TLSRoute/shop/t/0');
  assert.match(
    accepted(judgedOf(state, 'HTTPRoute', 'shop/h')),
    /^True Accepted: in force for all/,
  );
  assert.match(
    accepted(judgedOf(state, 'TLSRoute', 'shop/t')),
    /^True Accepted: .* except that port 9000 of Service shop\/db has HTTPRoutes/,
  );
  assert.match(
    accepted(judgedOf(state, 'TCPRoute', 'shop/c')),
    /^False Conflicted: port 443 of Service shop\/db has TLSRoutes/,
  );
});

test('an HTTPRoute that yields to a GRPCRoute on all its ports is not accepted', () => {
  const grpc = route({ kind: 'GRPCRoute', name: 'g', port: 9000 });
  const one = mesh(grpc, route({ kind: 'HTTPRoute', name: 'h', port: 9000 }));
  const verdict = accepted(judgedOf(one, 'HTTPRoute', 'shop/h'));
  assert.match(verdict, /^False Conflicted: port 9000 of Service shop\/db has GRPCRoutes/);
  const other = mesh(grpc, route({ kind: 'HTTPRoute', name: 'h' }));
  assert.match(accepted(judgedOf(other, 'HTTPRoute', 'shop/h')), /^True Accepted/);
  // Consumers of another namespace have routes of their own.
  const elsewhere = route({ kind: 'HTTPRoute', name: 'h', port: 9000, namespace: 'bank' });
  const apart = judgedOf(mesh(grpc, elsewhere), 'HTTPRoute', 'bank/h');
  assert.match(accepted(apart), /^True Accepted: in force for callers in namespace bank/);
});

test('a consumer route holds for callers of its namespace alone', () => {
  const backends = '[{ name: db, namespace: shop, port: 5432 }]';
  const { model } = mesh(route({ kind: 'TCPRoute', namespace: 'bank', backends }));
  const routes = model.routes.get('shop/db');
  assert.equal(routes?.producer.ports[0]?.connectionRules, undefined);
  assert.equal(routes?.consumers.bank?.ports[0]?.connectionRules?.[0]?.name, 'TCPRoute/bank/r/0');
});

test("a backend's own Service policy goes along, for the connections to it", () => {
  const policy = `
apiVersion: remora.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: p, namespace: shop }
spec: { targetRefs: [{ kind: Service, name: db-v1 }], limits: { maxConnections: 2 } }
`;
  const [rule] = portOf(mesh(route({ kind: 'TCPRoute' }), policy), 5432)?.connectionRules ?? [];
  assert.deepEqual(rule?.backends[0]?.policy?.limits, { maxConnections: 2 });
});

const invalid: [what: string, text: string, message: RegExp][] = [
  ['no backend', route({ kind: 'TCPRoute', backends: '[]' }), /backendRefs/],
  [
    'an address as hostname',
    route({ kind: 'TLSRoute', hostnames: '["1.2.3.4"]' }),
    /hostnames\[0\]: is an address/,
  ],
  [
    'a wildcard in the middle',
    route({ kind: 'TLSRoute', hostnames: '[a.*.example]' }),
    /hostnames\[0\]: is not the name of a host/,
  ],
];
for (const [what, text, message] of invalid) {
  test(`a route with ${what} is not accepted`, () => {
    const state = mesh(text);
    const judged = judgedOf(state, 'TCPRoute', 'shop/r') ?? judgedOf(state, 'TLSRoute', 'shop/r');
    assert.match(accepted(judged), /^False UnsupportedValue/);
    assert.match(accepted(judged), message);
  });
}
