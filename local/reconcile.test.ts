import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type ReconciledPod, reconcile } from './reconcile.ts';
import type { Workload } from './workloads.ts';

function workload(changes: Partial<Workload> = {}): Workload {
  return {
    key: 'Deployment/shop/web',
    kind: 'Deployment',
    namespace: 'shop',
    name: 'web',
    template: { spec: { containers: [{ name: 'web' }] } },
    hash: 'new',
    replicas: 1,
    completions: 1,
    backoffLimit: 1,
    serviceName: '',
    ...changes,
  };
}

function pod(name: string, of: Workload, changes: Partial<ReconciledPod> = {}): ReconciledPod {
  return {
    ...{ name, namespace: 'shop', workload: of, phase: 'Running', ready: true },
    ...{ ended: false, terminating: false, createdMs: 0, ...changes },
  };
}

const web = workload();
const old = workload({ hash: 'old' });
const job = workload({ key: 'Job/shop/web', kind: 'Job' });
const set = workload({ key: 'StatefulSet/shop/web', kind: 'StatefulSet', replicas: 2 });
const oldSet = { ...set, hash: 'old' };

suite('reconcile', () => {
  const cases: {
    name: string;
    workloads: Workload[];
    pods: ReconciledPod[];
    create: number;
    stop: string[];
  }[] = [
    {
      name: 'makes what is missing',
      workloads: [{ ...web, replicas: 3 }],
      pods: [pod('a', web)],
      create: 2,
      stop: [],
    },
    {
      name: 'ends the newest of too many',
      workloads: [web],
      pods: [pod('a', web, { createdMs: 1 }), pod('b', web, { createdMs: 2 })],
      create: 0,
      stop: ['b'],
    },
    {
      name: 'ends pods whose workload is gone',
      workloads: [],
      pods: [pod('a', web)],
      create: 0,
      stop: ['a'],
    },
    {
      name: 'leaves alone what is ending',
      workloads: [],
      pods: [pod('a', web, { terminating: true })],
      create: 0,
      stop: [],
    },
    {
      name: 'makes the new before it ends the old',
      workloads: [web],
      pods: [pod('a', old)],
      create: 1,
      stop: [],
    },
    {
      name: 'keeps the old until the new is ready',
      workloads: [web],
      pods: [pod('a', old), pod('b', web, { ready: false })],
      create: 0,
      stop: [],
    },
    {
      name: 'ends the old when the new is ready',
      workloads: [web],
      pods: [pod('a', old), pod('b', web)],
      create: 0,
      stop: ['a'],
    },
    {
      name: 'ends all of a Deployment without replicas',
      workloads: [{ ...web, replicas: 0 }],
      pods: [pod('a', old)],
      create: 0,
      stop: ['a'],
    },
    {
      name: 'numbers the pods of a StatefulSet',
      workloads: [set],
      pods: [pod('web-1', set)],
      create: 1,
      stop: [],
    },
    {
      name: 'ends the old of a StatefulSet first: its name is taken',
      workloads: [set],
      pods: [pod('web-0', oldSet), pod('web-1', set)],
      create: 0,
      stop: ['web-0'],
    },
    { name: 'starts a Job', workloads: [job], pods: [], create: 1, stop: [] },
    { name: 'waits for a Job', workloads: [job], pods: [pod('a', job)], create: 0, stop: [] },
    {
      name: 'is done with a Job that is complete',
      workloads: [job],
      pods: [pod('a', job, { phase: 'Succeeded', ended: true })],
      create: 0,
      stop: [],
    },
    {
      name: 'tries a Job again that failed',
      workloads: [job],
      pods: [pod('a', job, { phase: 'Failed', ended: true })],
      create: 1,
      stop: [],
    },
    {
      name: 'gives a Job up after its limit',
      workloads: [job],
      pods: ['a', 'b'].map((name) => pod(name, job, { phase: 'Failed', ended: true })),
      create: 0,
      stop: [],
    },
    {
      name: 'makes no more of a Job at a time than are left to do',
      workloads: [{ ...job, replicas: 2, completions: 3 }],
      pods: ['a', 'b'].map((name) => pod(name, job, { phase: 'Succeeded', ended: true })),
      create: 1,
      stop: [],
    },
  ];
  for (const { name, workloads, pods, create, stop } of cases) {
    test(name, () => {
      const result = reconcile(workloads, pods);
      assert.equal(result.create.length, create);
      assert.deepEqual(
        result.stop.map((stopped) => stopped.name),
        stop,
      );
    });
  }

  test('gives a StatefulSet the name that is missing', () => {
    assert.equal(reconcile([set], [pod('web-1', set)]).create[0]?.name, 'web-0');
  });
});
