import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { KubeObjects } from '../../test/fakes/kube-objects.ts';
import { FileLeaseStore } from './file-leases.ts';
import { KubernetesLeaseStore } from './kubernetes-leases.ts';
import type { LeaseStore } from './lease.ts';

// What every store promises, on each of them.
const stores: { name: string; open: () => Promise<{ store: LeaseStore; close: () => unknown }> }[] =
  [
    {
      name: 'Kubernetes',
      async open() {
        const kube = await KubeObjects.start();
        const store = new KubernetesLeaseStore(kube.api(), () => Date.UTC(2026, 0, 2));
        return { store, close: () => kube.stop() };
      },
    },
    {
      name: 'files',
      async open() {
        const folder = mkdtempSync(join(tmpdir(), 'remora-leases-'));
        return {
          store: new FileLeaseStore(folder),
          close: () => rmSync(folder, { recursive: true }),
        };
      },
    },
  ];
for (const { name, open } of stores) {
  test(`${name}: of two writers that read the same lease one succeeds`, async () => {
    const { store, close } = await open();
    try {
      assert.equal(await store.read('shop', 'e'), undefined);
      const first = { holder: 'a', fencingToken: 1, durationMs: 9_000 };
      const created = await store.write('shop', 'e', first, undefined);
      assert.equal(await store.write('shop', 'e', first, undefined), undefined, 'there is one');
      assert.deepEqual(await store.read('shop', 'e'), created);
      const next = { holder: 'b', fencingToken: 2, durationMs: 9_000 };
      const written = await store.write('shop', 'e', next, created);
      assert.equal(written?.holder, 'b');
      assert.equal(await store.write('shop', 'e', first, created), undefined, 'it has changed');
      const free = await store.write('shop', 'e', { ...next, holder: '' }, written);
      assert.deepEqual([free?.holder, free?.fencingToken], ['', 2]);
      assert.equal(await store.read('shop', 'other'), undefined);
    } finally {
      await close();
    }
  });
}

for (const text of ['', '{"shop/e":', '[1]', '{"shop/e":{"holder":"a"}}', 'null']) {
  test(`files: leases that cannot be understood are not passed over: ${text}`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'remora-leases-'));
    try {
      writeFileSync(join(folder, 'leases.json'), text);
      const store = new FileLeaseStore(folder);
      await assert.rejects(store.read('shop', 'e'), /leases\.json is damaged: end all candidates/);
      writeFileSync(join(folder, 'leases.json'), '{}');
      assert.equal(await store.read('shop', 'e'), undefined, 'read again once it is repaired');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}

test('a Lease says to people who leads since when, and names the token', async () => {
  const kube = await KubeObjects.start();
  try {
    let wallMs = Date.UTC(2026, 0, 2);
    const store = new KubernetesLeaseStore(kube.api(), () => wallMs);
    const lease = { holder: 'a', fencingToken: 4, durationMs: 3_500 };
    const written = await store.write('shop', 'e', lease, undefined);
    wallMs += 1_000;
    await store.write('shop', 'e', lease, written);
    const path = '/apis/coordination.k8s.io/v1/namespaces/shop/leases/remora-e';
    assert.deepEqual(kube.objects.get(path)?.spec, {
      holderIdentity: 'a',
      leaseDurationSeconds: 4,
      acquireTime: '2026-01-02T00:00:00.000000Z',
      renewTime: '2026-01-02T00:00:01.000000Z',
      leaseTransitions: 4,
    });
  } finally {
    await kube.stop();
  }
});
