import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemorySource } from '../../test/fakes/memory-source.ts';
import { createMeshState, type Mesh } from '../snapshot/mesh-state.ts';
import { featuresOf } from '../stream/features.ts';
import type { ExternalService, Settings } from './types.ts';

const external = (name: string, namespace: string, host = 'a.example'): string => `
apiVersion: remora.dev/v1alpha1
kind: ExternalService
metadata: { name: ${name}, namespace: ${namespace} }
spec:
  hosts: ["${host}"]
  ports: [{ port: 80, protocol: HTTP, targetPort: 443, tls: {} }, { port: 443, protocol: TLS }]
`;
const namespace = (name: string, label: string): string => `
apiVersion: v1
kind: Namespace
metadata: { name: ${name}, labels: { ${label} } }
`;
const POD = `
apiVersion: v1
kind: Pod
metadata: { name: web-1, namespace: shop }
status: { phase: Running, podIP: 10.1.0.1 }
`;
const POLICY = `
apiVersion: remora.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: p, namespace: shop }
spec:
  targetRefs: [{ group: remora.dev, kind: ExternalService, name: world }]
  timeouts: { request: 3s }
`;

function mesh(...texts: string[]): Mesh {
  const source = new MemorySource();
  const created = createMeshState({ source, trustDomain: 'cluster.local' });
  source.markSynced().apply(...texts);
  return created;
}

function seenBy(state: Mesh, ownNamespace: string): string[] {
  const sidecar = { pod: 'web-1', namespace: ownNamespace, serviceAccount: 'a', addresses: [] };
  const { own } = state.snapshot(sidecar, { services: new Set(), addresses: new Set() });
  return [...own.byName.keys()].filter((name) => name.startsWith('external/')).sort();
}

test('external services are known in their namespace, those of the control plane everywhere', () => {
  const state = mesh(
    external('world', 'shop'),
    external('other', 'bank'),
    external('all', 'remora-system'),
  );
  assert.deepEqual(seenBy(state, 'shop'), ['external/remora-system/all', 'external/shop/world']);
  assert.deepEqual(seenBy(state, 'remora-system'), ['external/remora-system/all']);
});

test('ports are filled in, and a TrafficPolicy counts', () => {
  const state = mesh(external('world', 'shop'), POLICY);
  const { kind: _, ...made } = state.model.externalServices.get('shop/world') as ExternalService;
  assert.deepEqual(made, {
    ...{ namespace: 'shop', name: 'world', hosts: ['a.example'], endpoints: [] },
    ports: [
      {
        ...{ port: 80, protocol: 'http1', targetPort: 443 },
        tls: { serverName: '', caCertificates: '' },
      },
      { port: 443, protocol: 'tls', targetPort: 443 },
    ],
    policy: { sources: ['TrafficPolicy/shop/p'], requestTimeoutMs: 3000 },
  });
  const judged = state.judged.find(({ kind }) => kind === 'TrafficPolicy')?.judgements;
  const verdicts = judged?.get('shop/p');
  assert.ok(Array.isArray(verdicts));
  assert.ok(
    verdicts.every(({ status }) => status === 'True'),
    JSON.stringify(verdicts),
  );
  const missing = mesh(POLICY).judged.find(({ kind }) => kind === 'TrafficPolicy')?.judgements;
  assert.match(JSON.stringify(missing?.get('shop/p')), /TargetNotFound/);
});

const fault = `
apiVersion: remora.dev/v1alpha1
kind: FaultPolicy
metadata: { name: f, namespace: shop }
spec:
  targetRefs: [{ group: remora.dev, kind: ExternalService, name: world }]
  abort: { percent: 100, httpStatus: 503 }
`;
const rateLimit = `
apiVersion: remora.dev/v1alpha1
kind: RateLimitPolicy
metadata: { name: l, namespace: shop }
spec:
  targetRefs: [{ group: remora.dev, kind: ExternalService, name: world }]
  limits: [{ name: all, requests: 2, window: 1h }]
`;

test('faults and rate limits of an external service reach its sidecars, with the features they need', () => {
  const state = mesh(external('world', 'shop'), fault, rateLimit);
  const made = state.model.externalServices.get('shop/world') as ExternalService;
  assert.equal(made.policy.faults?.source, 'shop/f');
  assert.equal(made.policy.rateLimits?.target, 'ExternalService/shop/world');
  assert.deepEqual(featuresOf(made), [
    'external-services.v1',
    'policy.v1',
    'faults.v1',
    'rate-limits.v1',
  ]);
  assert.deepEqual(featuresOf({ ...made, policy: { sources: [] } }), ['external-services.v1']);
});

for (const [kind, name, field] of [
  ['FaultPolicy', 'f', 'faults'],
  ['RateLimitPolicy', 'l', 'rate limits'],
] as const) {
  test(`a ${kind} says whether an external service has HTTP to which it could apply`, () => {
    const enforced = (world: string) =>
      JSON.stringify(
        mesh(world, fault, rateLimit)
          .judged.find((one) => one.kind === kind)
          ?.judgements.get(`shop/${name}`),
      );
    assert.match(enforced(external('world', 'shop')), /in force for ExternalService\/shop\/world"/);
    const tcp = external('world', 'shop').replace(
      /ports: .*/,
      'ports: [{ port: 5432, protocol: TCP }]',
    );
    const said = `NothingReached","message":"${field} of ExternalService/shop/world, which has no port of HTTP`;
    assert.ok(enforced(tcp).includes(said), enforced(tcp));
  });
}

const labels: [label: string, egress: Settings['egress']][] = [
  ['', undefined],
  ['remora.dev/egress: allow', undefined],
  ['remora.dev/egress: registered-only', 'registered-only'],
  ['remora.dev/egress: registered_only', 'registered-only'],
];
for (const [label, egress] of labels) {
  test(`a namespace with the label "${label}" has egress ${egress ?? 'allow'}`, () => {
    const { model } = mesh(namespace('shop', label), POD);
    assert.equal(model.settings.get('shop/web-1')?.egress, egress);
  });
}
