import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { MemorySource } from '../../test/fakes/memory-source.ts';
import { createMeshState, type Mesh } from '../snapshot/mesh-state.ts';
import type { Verdict } from '../status/conditions.ts';
import { PolicyExpiry } from './expiry.ts';
import type { Faults } from './types.ts';

const SERVICE = `
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { clusterIP: 10.0.0.1, ports: [{ name: http, port: 80 }] }
`;
const at = (ms: number): string => new Date(ms).toISOString();
const chaos = (expiresAt: string, name = 'chaos'): string => `
apiVersion: remora.dev/v1alpha1
kind: FaultPolicy
metadata: { name: ${name}, namespace: shop, creationTimestamp: "2026-01-01T00:00:0${name.length}Z" }
spec: { targetRefs: [{ kind: Service, name: web }], abort: { httpStatus: 503 }, expiresAt: "${expiresAt}" }
`;

function started(...texts: string[]) {
  const source = new MemorySource();
  const mesh = createMeshState({ source, trustDomain: 'cluster.local' });
  const clock = new ManualClock(1_000_000);
  const expiry = new PolicyExpiry(mesh.model.policies, clock);
  source.markSynced();
  expiry.start();
  source.apply(SERVICE, ...texts);
  return { source, mesh, clock, expiry };
}

/** What was told within a turn is looked at after it. */
async function settled(source: MemorySource): Promise<void> {
  await Promise.resolve();
  source.settle();
}

function faults(mesh: Mesh): Faults | undefined {
  return mesh.model.routes.get('shop/web')?.producer.ports[0]?.policy.faults;
}

function says(mesh: Mesh, name = 'chaos'): string[] {
  const kind = mesh.judged.find((judged) => judged.kind === 'FaultPolicy');
  const verdicts = (kind?.judgements.get(`shop/${name}`) ?? []) as readonly Verdict[];
  return verdicts.map(({ type, status, reason }) => `${type} ${status} ${reason}`);
}

test('a policy is in force until its time is over, and then says so', async () => {
  const { source, mesh, clock, expiry } = started(chaos(at(1_060_000)));
  await settled(source);
  assert.equal(faults(mesh)?.expiresAt, at(1_060_000));
  assert.deepEqual(says(mesh), ['Accepted True Accepted', 'Enforced True Enforced']);
  clock.advance(59_000);
  source.settle();
  assert.ok(faults(mesh));
  clock.advance(1_000);
  source.settle();
  assert.equal(faults(mesh), undefined);
  assert.deepEqual(says(mesh), ['Accepted True Accepted', 'Enforced False Expired']);
  expiry.stop();
});

test('one whose time was over before is never in force', async () => {
  const { source, mesh, expiry } = started(chaos(at(1)));
  await settled(source);
  assert.equal(faults(mesh), undefined);
  assert.deepEqual(says(mesh), ['Accepted True Accepted', 'Enforced False Expired']);
  expiry.stop();
});

test('a new time brings it back', async () => {
  const { source, mesh, clock, expiry } = started(chaos(at(1)));
  await settled(source);
  source.apply(chaos(at(2_000_000)));
  await settled(source);
  assert.ok(faults(mesh));
  source.delete('remora.dev/v1alpha1/FaultPolicy', 'shop/chaos');
  await settled(source);
  clock.advance(2_000_000);
  source.settle();
  assert.equal(faults(mesh), undefined);
  expiry.stop();
});

test('what it was in the way of takes its place', async () => {
  const { source, mesh, expiry } = started(chaos(at(1), 'a'), chaos(at(9_000_000), 'later'));
  await settled(source);
  assert.equal(faults(mesh)?.source, 'shop/later');
  assert.deepEqual(says(mesh, 'later'), ['Accepted True Accepted', 'Enforced True Enforced']);
  expiry.stop();
});

test('a year from now is waited for in steps', async () => {
  const year = 31_536_000_000;
  const { source, mesh, clock, expiry } = started(chaos(at(1_000_000 + year)));
  await settled(source);
  clock.advance(year - 1);
  source.settle();
  assert.ok(faults(mesh));
  clock.advance(1);
  source.settle();
  assert.equal(faults(mesh), undefined);
  expiry.stop();
});
