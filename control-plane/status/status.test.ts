import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { systemClock } from '../../runtime/clock.ts';
import { silentLog } from '../../runtime/log.ts';
import { FakeKubeApi, type FakeObject } from '../../test/fakes/kube-api.ts';
import { MemorySource } from '../../test/fakes/memory-source.ts';
import { until } from '../../test/fakes/until.ts';
import { createMeshState, type Mesh } from '../snapshot/mesh-state.ts';
import { podKind } from '../watch/kinds.ts';
import { KubernetesApi } from '../watch/kubernetes-api.ts';
import { KubernetesSource } from '../watch/kubernetes-source.ts';
import { type Condition, changeConditions, type Verdict } from './conditions.ts';
import { KubernetesStatusSink, MemoryStatusSink } from './sinks.ts';
import { StatusWriter } from './writer.ts';
import { chooseWriter } from './writer-choice.ts';

const accepted: Verdict = { type: 'Accepted', status: 'True', reason: 'Accepted', message: 'fine' };

test('a condition keeps its time while its status stays, and foreign ones stay as they are', () => {
  const foreign: Condition = {
    ...{ type: 'Foreign', status: 'True', reason: 'R', message: 'm' },
    ...{ observedGeneration: 1, lastTransitionTime: '2026-01-01T00:00:00Z' },
  };
  const nowMs = Date.UTC(2026, 1, 1, 12, 0, 0, 500);
  const change = { verdicts: [accepted], remove: [], generation: 1, nowMs };
  const first = changeConditions([foreign], change);
  const made = { ...accepted, observedGeneration: 1, lastTransitionTime: '2026-02-01T12:00:00Z' };
  assert.deepEqual(first, [foreign, made]);
  assert.equal(changeConditions(first ?? [], { ...change, nowMs: 0 }), undefined, 'no news');

  const later = { ...change, generation: 2, nowMs: nowMs + 60_000 };
  assert.deepEqual(changeConditions(first ?? [], later), [
    foreign,
    { ...made, observedGeneration: 2 },
  ]);
  const refused: Verdict = { ...accepted, status: 'False', reason: 'Invalid' };
  assert.deepEqual(changeConditions(first ?? [], { ...later, verdicts: [refused] })?.at(-1), {
    ...refused,
    observedGeneration: 2,
    lastTransitionTime: '2026-02-01T12:01:00Z',
  });
  assert.deepEqual(
    changeConditions(first ?? [], { ...later, verdicts: [], remove: ['Accepted'] }),
    [foreign],
  );
});

test('the oldest ready replica writes', () => {
  const pod = (name: string, created: string, more: object = {}) =>
    podKind.parse({
      metadata: { name, namespace: 'remora-system', creationTimestamp: created, ...more },
      spec: { serviceAccountName: name.startsWith('other') ? 'other' : 'remora-control-plane' },
      status: {
        phase: 'Running',
        conditions: [{ type: 'Ready', status: name.endsWith('starting') ? 'False' : 'True' }],
      },
    });
  const pods = [
    pod('other-1', '2026-01-01T00:00:00Z'),
    pod('b-starting', '2026-01-01T00:00:00Z'),
    pod('c', '2026-01-03T00:00:00Z'),
    pod('b', '2026-01-02T00:00:00Z'),
    pod('a', '2026-01-01T00:00:00Z', { deletionTimestamp: '2026-01-05T00:00:00Z' }),
  ];
  assert.equal(chooseWriter(pods, 'remora-control-plane'), 'b');
  assert.equal(chooseWriter(pods.slice(0, 2), 'remora-control-plane'), undefined);
});

const SERVICE: FakeObject = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'shop' },
  spec: { clusterIP: '10.0.0.1', ports: [{ name: 'http', port: 80 }] },
};
const parentRef = { group: '', kind: 'Service', name: 'web' };
const ROUTE: FakeObject = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute',
  metadata: { name: 'r', namespace: 'shop', generation: 3 },
  spec: { parentRefs: [parentRef], rules: [{ backendRefs: [{ name: 'web', port: 80 }] }] },
};
const policy = (name: string, spec: object, generation = 1): FakeObject => ({
  apiVersion: 'remora.dev/v1alpha1',
  kind: 'TrafficPolicy',
  metadata: { name, namespace: 'shop', generation },
  spec: { targetRefs: [{ kind: 'Service', name: 'web' }], timeouts: { request: '1s' }, ...spec },
});
const election: FakeObject = {
  apiVersion: 'remora.dev/v1alpha1',
  kind: 'LeaderElection',
  metadata: { name: 'boss', namespace: 'shop', generation: 1 },
  spec: { selector: { matchLabels: { app: 'web' } } },
};

let fake: FakeKubeApi;
let api: KubernetesApi;
let source: KubernetesSource;
let mesh: Mesh;
let writer: StatusWriter;
let isWriter: boolean;

beforeEach(async () => {
  fake = new FakeKubeApi();
  await fake.listen();
  api = new KubernetesApi({
    server: fake.url,
    credentials: async () => ({ headers: {}, tls: {} }),
  });
  source = new KubernetesSource({ api, log: silentLog() });
  mesh = createMeshState({ source, trustDomain: 'cluster.local' });
  isWriter = true;
  writer = new StatusWriter({
    ...{ model: mesh.model, judged: mesh.judged, isWriter: () => isWriter },
    ...{ sink: new KubernetesStatusSink(api), clock: systemClock, log: silentLog() },
  });
});

afterEach(async () => {
  await writer.stop();
  await source.stop();
  api.close();
  await fake.close();
});

async function start(): Promise<void> {
  source.start();
  writer.start();
  await until(() => mesh.synced, 'the mesh is synced');
}

const status = (plural: string, name: string): Record<string, unknown> =>
  (fake.get(plural, `shop/${name}`)?.status ?? {}) as Record<string, unknown>;
const conditionsOf = (plural: string, name: string): Condition[] =>
  (status(plural, name).conditions ?? []) as Condition[];
const condition = (name: string, type = 'Accepted'): Condition | undefined =>
  conditionsOf('trafficpolicies', name).find((one) => one.type === type);
const patches = (): number => fake.requests.filter(({ method }) => method === 'PATCH').length;

const judged: { name: string; spec: object; reason: string; message: RegExp }[] = [
  { name: 'a policy on a service', spec: {}, reason: 'Accepted', message: /attached/ },
  {
    name: 'a policy on nothing',
    spec: { targetRefs: [{ kind: 'Service', name: 'absent' }] },
    reason: 'TargetNotFound',
    message: /there is no Service shop\/absent/,
  },
  {
    name: 'a policy on a route that is not there',
    spec: {
      targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'absent' }],
    },
    reason: 'TargetNotFound',
    message: /there is no HTTPRoute shop\/absent/,
  },
  {
    name: 'a policy on a GRPCRoute that is not there',
    spec: {
      targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'GRPCRoute', name: 'absent' }],
    },
    reason: 'TargetNotFound',
    message: /there is no GRPCRoute shop\/absent/,
  },
  {
    name: 'a policy that cannot be understood',
    spec: { timeouts: { request: 'soon' } },
    reason: 'Invalid',
    message: /spec\.timeouts\.request: is not a duration/,
  },
];

for (const { name, spec, reason, message } of judged) {
  test(`${name} is told: ${reason}`, async () => {
    fake.put('services', SERVICE).put('trafficpolicies', policy('p', spec));
    await start();
    const found = await until(() => condition('p'), 'the status is written');
    assert.equal(found.reason, reason);
    assert.equal(found.status, reason === 'Accepted' ? 'True' : 'False');
    assert.match(found.message, message);
    assert.equal(found.observedGeneration, 1);
  });
}

test('of two policies on one target, the younger is told which one is in force', async () => {
  fake
    .put('services', SERVICE)
    .put('trafficpolicies', policy('a', {}))
    .put('trafficpolicies', policy('b', {}));
  await start();
  const loser = await until(() => condition('b'), 'the status is written');
  assert.equal(loser.reason, 'Conflicted');
  assert.match(
    loser.message,
    /Service\/shop\/web has it all from the older TrafficPolicy\/shop\/a/,
  );
  await until(() => condition('a')?.status === 'True', 'the winner is accepted');
  fake.delete('trafficpolicies', 'shop/a');
  await until(() => condition('b')?.status === 'True', 'the loser takes its place');
});

test('a status is written once, and again only for news', async () => {
  fake.put('services', SERVICE).put('trafficpolicies', policy('p', {}));
  await start();
  await until(() => condition('p'), 'the status is written');
  fake.put('services', { ...SERVICE, metadata: { ...SERVICE.metadata, labels: { x: 'y' } } });
  fake.put('trafficpolicies', { ...policy('p', {}, 2), status: status('trafficpolicies', 'p') });
  await until(() => condition('p')?.observedGeneration === 2, 'the generation is told');
  assert.equal(patches(), 2);
});

test("a route's status is ours beside the entries of other controllers", async () => {
  const foreign = { parentRef, controllerName: 'example.com/other', conditions: [] };
  fake.put('services', SERVICE).put('httproutes', { ...ROUTE, status: { parents: [foreign] } });
  await start();
  const parents = await until(() => {
    const found = (status('httproutes', 'r').parents ?? []) as Record<string, unknown>[];
    return found.length === 2 && found;
  }, 'the entry is written');
  assert.deepEqual(parents[0], foreign);
  assert.equal(parents[1]?.controllerName, 'remora.dev/mesh');
  assert.deepEqual(parents[1]?.parentRef, parentRef);
  assert.deepEqual(
    ((parents[1]?.conditions ?? []) as Condition[]).map((one) => [
      one.type,
      one.status,
      one.observedGeneration,
    ]),
    [
      ['Accepted', 'True', 3],
      ['ResolvedRefs', 'True', 3],
    ],
  );
  fake.put('httproutes', { ...ROUTE, spec: { parentRefs: [] }, status: { parents } });
  await until(() => (status('httproutes', 'r').parents as unknown[]).length === 1, 'ours is gone');
  assert.deepEqual(status('httproutes', 'r').parents, [foreign]);
});

for (const { port, value, reason, message } of [
  { port: 7070, value: 'True', reason: 'Accepted', message: /in force/ },
  { port: 80, value: 'False', reason: 'NoMatchingParent', message: /no port 80 that carries gRPC/ },
]) {
  test(`a GRPCRoute on port ${port} is told: ${reason}`, async () => {
    const ports = [
      { name: 'http', port: 80 },
      { name: 'calls', port: 7070 },
    ];
    const parents = [{ ...parentRef, port }];
    fake.put('services', { ...SERVICE, spec: { clusterIP: '10.0.0.1', ports } });
    fake.put('grpcroutes', {
      ...{ ...ROUTE, kind: 'GRPCRoute', spec: { parentRefs: parents, rules: [{}] } },
    });
    await start();
    const found = await until(() => {
      const [parent] = (status('grpcroutes', 'r').parents ?? []) as { conditions: Condition[] }[];
      return parent?.conditions.find((one) => one.type === 'Accepted');
    }, 'the status is written');
    assert.equal(found.status, value);
    assert.equal(found.reason, reason);
    assert.match(found.message, message);
    assert.equal(found.observedGeneration, 3);
  });
}

const routes: { name: string; spec: object; type: string; reason: string; message: RegExp }[] = [
  {
    name: 'a missing backend',
    spec: { rules: [{ backendRefs: [{ name: 'absent', port: 80 }] }] },
    type: 'ResolvedRefs',
    reason: 'BackendNotFound',
    message: /shop\/absent: there is no such Service/,
  },
  {
    name: 'a backend of another namespace',
    spec: { rules: [{ backendRefs: [{ name: 'pay', namespace: 'bank', port: 80 }] }] },
    type: 'ResolvedRefs',
    reason: 'RefNotPermitted',
    message: /no ReferenceGrant/,
  },
  {
    name: 'a parent that is not there',
    spec: { parentRefs: [{ ...parentRef, name: 'absent' }] },
    type: 'Accepted',
    reason: 'NoMatchingParent',
    message: /there is no Service shop\/absent/,
  },
  {
    name: 'a port that is not there',
    spec: { parentRefs: [{ ...parentRef, port: 81 }] },
    type: 'Accepted',
    reason: 'NoMatchingParent',
    message: /has no port 81 that carries HTTP/,
  },
  {
    name: 'a mirror that is not there',
    spec: {
      rules: [
        {
          filters: [
            { type: 'RequestMirror', requestMirror: { backendRef: { name: 'absent', port: 80 } } },
          ],
        },
      ],
    },
    type: 'ResolvedRefs',
    reason: 'BackendNotFound',
    message: /shop\/absent: there is no such Service/,
  },
  {
    name: 'a backend that is no Service',
    spec: { rules: [{ backendRefs: [{ group: 'x', kind: 'Bucket', name: 'b', port: 80 }] }] },
    type: 'ResolvedRefs',
    reason: 'InvalidKind',
    message: /only a Service can be a backend/,
  },
  {
    name: 'a missing backend that gets nothing',
    spec: { rules: [{ backendRefs: [{ name: 'absent', port: 80, weight: 0 }] }] },
    type: 'ResolvedRefs',
    reason: 'BackendNotFound',
    message: /shop\/absent/,
  },
  {
    name: "somebody else's filter",
    spec: { rules: [{ filters: [{ type: 'ExtensionRef' }] }] },
    type: 'Accepted',
    reason: 'UnsupportedValue',
    message: /spec\.rules\[0\]\.filters\[0\]\.type: is not a type of filter that is supported/,
  },
];

for (const { name, spec, type, reason, message } of routes) {
  test(`a route with ${name} is told: ${reason}`, async () => {
    fake.put('services', SERVICE);
    fake.put('httproutes', { ...ROUTE, spec: { ...(ROUTE.spec as object), ...spec } });
    await start();
    const found = await until(() => {
      const [parent] = (status('httproutes', 'r').parents ?? []) as { conditions: Condition[] }[];
      return parent?.conditions.find((one) => one.type === type);
    }, 'the status is written');
    assert.equal(found.status, 'False');
    assert.equal(found.reason, reason);
    assert.match(found.message, message);
  });
}

test('what a sidecar refused stands on the policy and the route until it takes a push', async () => {
  fake.put('services', SERVICE).put('httproutes', ROUTE).put('trafficpolicies', policy('p', {}));
  await start();
  await until(() => condition('p'), 'the status is written');
  writer.refused('shop/web-0', 'routes/shop/web', 'an unknown field');
  writer.refused('shop/web-1', 'routes/shop/web', 'an unknown field');
  const found = await until(() => {
    const programmed = condition('p', 'Programmed');
    return programmed?.message.includes('2 sidecars') && programmed;
  }, 'the refusal is told');
  assert.equal(found.status, 'False');
  assert.equal(found.reason, 'Refused');
  assert.equal(found.message, 'refused by 2 sidecars; shop/web-0: an unknown field');
  await until(
    () => JSON.stringify(status('httproutes', 'r')).includes('Programmed'),
    'on the route',
  );
  writer.cleared('shop/web-0');
  writer.cleared('shop/web-1');
  await until(() => condition('p', 'Programmed') === undefined, 'it is taken back');
  await until(
    () => !JSON.stringify(status('httproutes', 'r')).includes('Programmed'),
    'on the route',
  );
  assert.equal(condition('p')?.status, 'True');
});

test('a replica that was not chosen writes only what it alone knows', async () => {
  isWriter = false;
  fake
    .put('services', SERVICE)
    .put('trafficpolicies', policy('p', {}))
    .put('leaderelections', election);
  await start();
  writer.refused('shop/web-0', 'routes/shop/web', 'odd');
  await until(() => condition('p', 'Programmed'), 'its refusal is told');
  writer.leaderChanged('shop', 'boss', 'web-0', 7);
  await until(() => status('leaderelections', 'boss').leader === 'web-0', 'its leader is told');
  assert.equal(condition('p'), undefined);
  assert.equal(patches(), 2);
});

test('a replica that is chosen later writes all, and clears refusals that nobody stands for', async () => {
  isWriter = false;
  const stale = {
    type: 'Programmed',
    status: 'False',
    reason: 'Refused',
    message: 'by one long gone',
  };
  const conditions = [
    { ...stale, observedGeneration: 1, lastTransitionTime: '2026-01-01T00:00:00Z' },
  ];
  fake
    .put('services', SERVICE)
    .put('trafficpolicies', { ...policy('p', {}), status: { conditions } });
  await start();
  assert.equal(patches(), 0);
  isWriter = true;
  fake.put('pods', { metadata: { name: 'replica', namespace: 'remora-system' } });
  await until(() => condition('p')?.status === 'True', 'the status is written');
  assert.equal(condition('p', 'Programmed'), undefined);
});

test('the leader and its token stand in the status, and an older token never replaces a newer', async () => {
  fake.put('leaderelections', election);
  await start();
  await until(() => conditionsOf('leaderelections', 'boss').length === 1, 'it is accepted');
  writer.leaderChanged('shop', 'boss', 'web-0', 7);
  await until(() => status('leaderelections', 'boss').leader === 'web-0', 'the leader is told');
  assert.equal(status('leaderelections', 'boss').fencingToken, 7);
  writer.leaderChanged('shop', 'boss', 'web-9', 6);
  writer.leaderChanged('shop', 'boss', '', 7);
  await until(() => !status('leaderelections', 'boss').leader, 'that nobody leads is told');
  assert.equal(status('leaderelections', 'boss').fencingToken, 7);
});

test('a write that fails is tried again', async () => {
  fake.put('services', SERVICE).put('trafficpolicies', policy('p', {}));
  await start();
  await until(() => condition('p'), 'the status is written');
  fake.failNext(503, 500);
  fake.put('trafficpolicies', { ...policy('p', {}, 2), status: status('trafficpolicies', 'p') });
  await until(() => condition('p')?.observedGeneration === 2, 'it is written after all');
});

test('without an API, statuses are kept in memory', async () => {
  const memory = new MemorySource();
  const local = createMeshState({ source: memory, trustDomain: 'cluster.local' });
  const sink = new MemoryStatusSink(silentLog());
  const localWriter = new StatusWriter({
    ...{ model: local.model, judged: local.judged, isWriter: () => true },
    ...{ sink, clock: systemClock, log: silentLog() },
  });
  localWriter.start();
  memory.markSynced().apply(JSON.stringify(SERVICE), JSON.stringify(policy('p', {})));
  await until(() => sink.statuses.has('TrafficPolicy/shop/p'), 'the status is kept');
  const [first] = (sink.statuses.get('TrafficPolicy/shop/p')?.conditions ?? []) as Condition[];
  assert.equal(first?.status, 'True');
  memory.apply(JSON.stringify(policy('p', { timeouts: { request: 'never' } })));
  await until(() => {
    const [now] = (sink.statuses.get('TrafficPolicy/shop/p')?.conditions ?? []) as Condition[];
    return now?.reason === 'Invalid';
  }, 'the change is kept');
  await localWriter.stop();
});
