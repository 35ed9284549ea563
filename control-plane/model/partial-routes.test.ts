import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemorySource } from '../../test/fakes/memory-source.ts';
import { createMeshState, type Mesh } from '../snapshot/mesh-state.ts';
import type { HttpRule } from './types.ts';

const SERVICE = `
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { clusterIP: 10.0.0.1, ports: [{ name: http, port: 80 }] }
`;

const GOOD = '{ matches: [{ path: { value: /good } }], backendRefs: [{ name: web, port: 80 }] }';
const EXTENSION =
  '{ name: odd, matches: [{ path: { value: /odd } }], filters: [{ type: ExtensionRef, extensionRef: {} }], backendRefs: [{ name: web, port: 80 }] }';
const MATCHLESS = '{ matches: [{ path: { type: Glob, value: /x } }] }';

function mesh(rules: string): Mesh {
  const source = new MemorySource();
  const created = createMeshState({ source, trustDomain: 'cluster.local' });
  source.markSynced().apply(
    SERVICE,
    `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: r, namespace: shop }
spec:
  parentRefs: [{ group: "", kind: Service, name: web }]
  rules: ${rules}
`,
  );
  return created;
}

const rulesOf = ({ model }: Mesh): readonly HttpRule[] =>
  model.routes.get('shop/web')?.producer.ports[0]?.rules ?? [];
const verdictsOf = ({ judged: kinds }: Mesh): string[] => {
  const judged = kinds.find(({ kind }) => kind === 'HTTPRoute')?.judgements.get('shop/r');
  const parents = judged !== undefined && 'parents' in judged ? judged.parents : [];
  return (parents[0]?.verdicts ?? []).map(
    ({ type, status, reason, message }) => `${type} ${status} ${reason}: ${message}`,
  );
};

test('a rule with an unknown filter answers with an error, and the others are in force', () => {
  const state = mesh(`[${GOOD}, ${EXTENSION}]`);
  const [good, odd] = rulesOf(state);
  assert.equal(good?.backends[0]?.invalid, undefined);
  assert.equal(odd?.name, 'HTTPRoute/shop/r/odd');
  assert.deepEqual(odd?.matches[0]?.path, { kind: 'prefix', value: '/odd' });
  assert.match(odd?.backends[0]?.invalid ?? '', /rules\[1\]\.filters\[0\]/);
  const [accepted, , partly] = verdictsOf(state);
  assert.match(accepted ?? '', /^Accepted True Accepted/);
  assert.match(partly ?? '', /^PartiallyInvalid True UnsupportedValue: Dropped Rule.*rules\[1\]/);
});

test('of a rule whose matches are not understood nothing is left', () => {
  const state = mesh(`[${MATCHLESS}, ${GOOD}]`);
  assert.deepEqual(
    rulesOf(state).map((rule) => rule.matches[0]?.path),
    [{ kind: 'prefix', value: '/good' }],
  );
  assert.match(verdictsOf(state)[2] ?? '', /Dropped Rule.*rules\[0\]\.matches/);
});

test('a route without a good rule is not accepted', () => {
  const state = mesh(`[${EXTENSION}]`);
  assert.deepEqual(rulesOf(state), []);
  const [accepted, ...others] = verdictsOf(state);
  assert.match(accepted ?? '', /^Accepted False UnsupportedValue/);
  assert.ok(!others.some((verdict) => verdict.startsWith('PartiallyInvalid')));
});
