import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemorySource } from '../../test/fakes/memory-source.ts';
import { createMeshState, type Mesh } from '../snapshot/mesh-state.ts';

const service = (name: string, spec = ''): string => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { clusterIP: 10.0.0.1, ports: [{ name: http, port: 80 }], ${spec} }
`;
const CLIENT_IP = 'sessionAffinity: ClientIP';
const route = (backend: string): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: r, namespace: shop }
spec:
  parentRefs: [{ group: "", kind: Service, name: web }]
  rules: [{ backendRefs: [{ name: ${backend}, port: 80 }] }]
`;
const policy = (target: string): string => `
apiVersion: remora.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: p, namespace: shop }
spec: { targetRefs: [${target}], loadBalancer: { type: RoundRobin } }
`;
const onWeb = '{ kind: Service, name: web }';
const onRoute = '{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: r }';
const onNamespace = '{ kind: Namespace, name: shop }';

function mesh(...texts: string[]): Mesh {
  const source = new MemorySource();
  const created = createMeshState({ source, trustDomain: 'cluster.local' });
  source.markSynced().apply(...texts);
  return created;
}

const cases: {
  name: string;
  texts: string[];
  /** Without a rule, by the rule, and of its backend. */
  is: [own: string, rule: string, backend: string];
}[] = [
  { name: 'none', texts: [service('web'), route('v1')], is: ['-', '-', '-'] },
  {
    name: 'of the parent, for whatever the rule leads to',
    texts: [service('web', CLIENT_IP), route('v1')],
    is: ['ring-hash', 'ring-hash', '-'],
  },
  {
    name: 'of a backend',
    texts: [service('web'), service('v1', CLIENT_IP), route('v1')],
    is: ['-', '-', 'ring-hash'],
  },
  {
    name: 'of a Service for which a policy says otherwise',
    texts: [service('web', CLIENT_IP), route('web'), policy(onWeb)],
    is: ['round-robin', 'round-robin', '-'],
  },
  {
    name: 'of a Service with a policy on its route',
    texts: [service('web', CLIENT_IP), route('web'), policy(onRoute)],
    is: ['ring-hash', 'round-robin', '-'],
  },
  {
    name: 'before the default of the namespace',
    texts: [service('web', CLIENT_IP), service('v1'), route('v1'), policy(onNamespace)],
    is: ['ring-hash', 'ring-hash', 'round-robin'],
  },
  {
    name: 'of a headless Service: none, since clients choose for themselves',
    texts: [service('web', CLIENT_IP).replace('10.0.0.1', 'None'), route('v1')],
    is: ['-', '-', '-'],
  },
];
for (const { name, texts, is } of cases) {
  test(`sessionAffinity ${name}`, () => {
    const all = texts.some((text) => text.includes('name: v1, namespace')) ? [] : [service('v1')];
    const port = mesh(...all, ...texts).model.routes.get('shop/web')?.producer.ports[0];
    const [rule] = port?.rules ?? [];
    const policies = [port?.policy, rule?.policy, rule?.backends[0]?.policy];
    assert.deepEqual(
      policies.map((one) => one?.loadBalancer?.type ?? '-'),
      is,
    );
  });
}

test('a policy of the namespace says where a Service decides by itself', () => {
  const { judged } = mesh(service('web', CLIENT_IP), service('other'), policy(onNamespace));
  const said = judged.find(({ kind }) => kind === 'TrafficPolicy')?.judgements.get('shop/p');
  assert.match(
    JSON.stringify(said),
    /PartiallyEnforced.*loadBalancer of Service\/shop\/web from the Service's sessionAffinity/,
  );
});
