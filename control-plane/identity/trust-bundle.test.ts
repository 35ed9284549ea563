import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { INJECT_LABEL } from '../../proto/well-known.ts';
import { ManualClock, systemClock } from '../../runtime/clock.ts';
import { silentLog } from '../../runtime/log.ts';
import { KubeObjects } from '../../test/fakes/kube-objects.ts';
import { until } from '../../test/fakes/until.ts';
import { SourceCollection } from '../collections/source-collection.ts';
import { Turn } from '../collections/turn.ts';
import type { KubernetesObject } from '../watch/source.ts';
import { CertificateAuthority } from './authority.ts';
import { createCa } from './ca-material.ts';
import { KubernetesCaStore } from './ca-store.ts';
import { TrustBundleWriter } from './trust-bundle.ts';

const TIMING = { rootLifetimeMs: 86_400_000, leafLifetimeMs: 3_600_000 };
let kube: KubeObjects;
let namespaces: SourceCollection<KubernetesObject>;
let authority: CertificateAuthority;
let writer: TrustBundleWriter;
let clock: ManualClock;
before(async () => {
  kube = await KubeObjects.start();
});
after(() => kube.stop());
beforeEach(async (context) => {
  kube.objects.clear();
  kube.intercept = () => undefined;
  const turn = new Turn(() => {});
  namespaces = new SourceCollection('namespaces', turn);
  clock = new ManualClock(Date.now());
  const log = silentLog();
  const store = new KubernetesCaStore(kube.api(), 'remora-system');
  authority = new CertificateAuthority({
    ...TIMING,
    store,
    pollMs: 60_000,
    clock: systemClock,
    log,
  });
  await authority.start(new AbortController().signal);
  writer = new TrustBundleWriter({
    ...{ authority, namespaces, clock, log },
    api: kube.api(),
    ownNamespace: 'remora-system',
  });
  if ('after' in context) {
    context.after(() => {
      writer.stop();
      authority.stop();
    });
  }
});

function addNamespace(name: string, label?: string): void {
  namespaces.set(name, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: {
      ...{ name, namespace: '', uid: name, resourceVersion: '1', generation: 1 },
      ...{ creationTimestamp: '', annotations: {}, ownerReferences: [] },
      labels: label === undefined ? {} : { [INJECT_LABEL]: label },
    },
  });
}

function bundleIn(namespace: string): string | undefined {
  const path = `/api/v1/namespaces/${namespace}/configmaps/remora-trust-bundle`;
  const data = kube.objects.get(path)?.data as Record<string, string> | undefined;
  return data?.['roots.pem'];
}

test('namespaces that opted in have the roots, and so has our own', async () => {
  addNamespace('shop', 'enabled');
  addNamespace('bank', 'disabled');
  addNamespace('other');
  writer.start();
  await until(() => bundleIn('shop') && bundleIn('remora-system'), 'two bundles');
  addNamespace('late', 'enabled');
  await until(() => bundleIn('late'), 'the bundle of a namespace that opts in later');
  assert.equal(bundleIn('shop'), authority.roots);
  assert.equal(bundleIn('bank'), undefined);
  assert.equal(bundleIn('other'), undefined);
});

test('new roots reach all of them', async () => {
  addNamespace('shop', 'enabled');
  writer.start();
  await until(() => bundleIn('shop'), 'the bundle');
  const store = new KubernetesCaStore(kube.api(), 'remora-system');
  const stored = await store.read();
  await store.replace(createCa(Date.now(), TIMING), stored?.version ?? '');
  const before = authority.roots;
  await authority.refresh();
  assert.notEqual(authority.roots, before);
  await until(() => bundleIn('shop') === authority.roots, 'the new roots');
});

test('what failed is tried again, and what somebody removed comes back', async () => {
  let failures = 2;
  kube.intercept = (method) => (method === 'PATCH' && failures-- > 0 ? { status: 500 } : undefined);
  addNamespace('shop', 'enabled');
  writer.start();
  await until(() => failures <= 0, 'the failures');
  await until(() => {
    clock.advance(1_000);
    return bundleIn('shop');
  }, 'the bundle after failures');
  kube.objects.clear();
  clock.advance(5 * 60_000);
  await until(() => bundleIn('shop'), 'the bundle after its removal');
});
