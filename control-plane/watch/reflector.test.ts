import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Registry } from 'prom-client';
import { silentLog } from '../../runtime/log.ts';
import { FakeKubeApi, type FakeObject } from '../../test/fakes/kube-api.ts';
import { until } from '../../test/fakes/until.ts';
import type { Collection } from '../collections/collection.ts';
import { httpRouteKind } from './http-route.ts';
import { type ServiceObject, serviceKind } from './kinds.ts';
import { KubernetesApi } from './kubernetes-api.ts';
import { KubernetesSource } from './kubernetes-source.ts';
import { LineSplitter } from './watch-lines.ts';

let fake: FakeKubeApi;
let api: KubernetesApi;
let source: KubernetesSource;
let registry: Registry;
let services: Collection<ServiceObject>;

beforeEach(async () => {
  fake = new FakeKubeApi();
  await fake.listen();
  api = new KubernetesApi({
    server: fake.url,
    credentials: async () => ({ headers: { authorization: 'Bearer test' }, tls: {} }),
  });
  registry = new Registry();
  source = new KubernetesSource({
    api,
    log: silentLog(),
    registry,
    times: { silenceMs: 600, absentMs: 20 },
    backoff: { baseMs: 5, maxMs: 20 },
  });
  services = source.collection(serviceKind);
});

afterEach(async () => {
  await source.stop();
  api.close();
  await fake.close();
});

function service(name: string, port = 80): FakeObject {
  return {
    metadata: { name, namespace: 'shop', managedFields: [{ manager: 'kubectl' }] },
    spec: { clusterIP: '10.0.0.1', ports: [{ name: 'http', port }] },
  };
}

const names = (): string[] => [...services.entries()].map(([key]) => key).sort();
const portOf = (key: string): number | undefined => services.get(key)?.ports[0]?.port;
const count = async (metric: string, labels: Record<string, string>): Promise<number> => {
  const values = (await registry.getSingleMetric(metric)?.get())?.values ?? [];
  const found = values.find((value) =>
    Object.entries(labels).every(([label, expected]) => value.labels[label] === expected),
  );
  return found?.value ?? 0;
};

async function startWith(...objects: FakeObject[]): Promise<void> {
  for (const object of objects) fake.put('services', object);
  source.start();
  await until(() => services.synced, 'the list is there');
  await until(() => fake.watcherCount === 1, 'the watch is open');
}

test('lists page by page, prunes, and is synced only then', async () => {
  assert.equal(services.synced, false);
  await startWith(...['a', 'b', 'c', 'd', 'e'].map((name) => service(name)));
  assert.deepEqual(names(), ['shop/a', 'shop/b', 'shop/c', 'shop/d', 'shop/e']);
  assert.equal(fake.requests.filter(({ url }) => url.includes('continue=')).length, 2);
  assert.equal('managedFields' in (services.get('shop/a')?.metadata ?? {}), false);
});

test('follows what is added, changed and deleted', async () => {
  await startWith(service('a'));
  fake.put('services', service('b')).put('services', service('a', 81));
  await until(() => portOf('shop/a') === 81 && services.size === 2, 'both changes arrived');
  fake.delete('services', 'shop/a');
  await until(() => services.size === 1, 'the deletion arrived');
  assert.deepEqual(names(), ['shop/b']);
});

test('asks for bookmarks and minutes, and takes a watch up where a bookmark left it', async () => {
  await startWith(service('a'));
  const first = new URL(fake.requests.at(-1)?.url ?? '', 'http://fake').searchParams;
  assert.equal(first.get('allowWatchBookmarks'), 'true');
  assert.ok(Number(first.get('timeoutSeconds')) >= 300);
  fake.put('httproutes', { metadata: { name: 'elsewhere', namespace: 'shop' } });
  fake.bookmark();
  fake.endWatches();
  await until(() => fake.requests.length === 3, 'the watch is taken up');
  const second = new URL(fake.requests.at(-1)?.url ?? '', 'http://fake').searchParams;
  assert.equal(Number(second.get('resourceVersion')), Number(first.get('resourceVersion')) + 1);
  await until(() => fake.watcherCount === 1, 'the watch is open');
  fake.put('services', service('b'));
  await until(() => services.size === 2, 'it still follows');
  assert.equal(await count('remora_watch_lists_total', { resync: 'true' }), 0);
});

for (const how of ['as an event', 'as the answer'] as const) {
  test(`410 ${how}: lists again and drops what vanished meanwhile`, async () => {
    await startWith(service('a'), service('b'));
    fake.fallSilent();
    fake.delete('services', 'shop/a').put('services', service('c')).compact();
    fake.fallSilent(false);
    if (how === 'as an event') fake.expireWatches();
    else fake.endWatches();
    await until(() => names().join() === 'shop/b,shop/c', 'the list is new');
    assert.equal(await count('remora_watch_lists_total', { resync: 'true' }), 1);
  });
}

test('a cut connection is taken up again without a new list', async () => {
  await startWith(service('a'));
  fake.cutWatches();
  fake.put('services', service('b'));
  await until(() => services.size === 2, 'it follows again');
  assert.equal(await count('remora_watch_lists_total', { resync: 'true' }), 0);
  assert.ok((await count('remora_watch_ends_total', { how: 'failed' })) >= 1);
});

test('a connection on which nothing is heard is given up and replaced', async () => {
  await startWith(service('a'));
  fake.fallSilent().put('services', service('b')).fallSilent(false);
  await until(() => services.size === 2, 'what was missed has arrived');
  assert.ok((await count('remora_watch_ends_total', { how: 'failed' })) >= 1);
});

test('bookmarks keep a quiet watch alive', async () => {
  await startWith(service('a'));
  for (let round = 0; round < 10; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    fake.bookmark();
  }
  assert.equal(await count('remora_watch_ends_total', { how: 'failed' }), 0);
});

test('a server that answers errors is asked again until it answers well', async () => {
  fake.failNext(500, 503, 429);
  fake.put('services', service('a'));
  source.start();
  await until(() => source.problems.size === 1, 'the failure is told');
  await until(() => services.synced, 'the list is there');
  await until(() => source.problems.size === 0, 'the problem is gone');
  assert.deepEqual(names(), ['shop/a']);
});

test('a resource that cannot be understood leaves the last good one, and is named', async () => {
  await startWith(service('a'), service('b'));
  fake.put('services', service('a', 70_000));
  await until(() => source.problems.size === 1, 'the problem is told');
  assert.deepEqual(source.problems.get('Service/shop/a'), {
    where: 'Service/shop/a',
    message: 'spec.ports[0].port must be a port from 1 to 65535, and is 70000',
  });
  assert.equal(portOf('shop/a'), 80);
  fake.put('services', service('a', 82));
  await until(() => portOf('shop/a') === 82, 'the good one is in force');
  assert.equal(source.problems.size, 0);
});

test('a kind that is not installed stays empty, and is found once it is', async () => {
  const routes = source.collection(httpRouteKind);
  fake.uninstall('httproutes');
  source.start();
  await until(() => services.synced && routes.synced, 'both are synced');
  assert.equal(routes.size, 0);
  fake.install('httproutes').put('httproutes', {
    metadata: { name: 'r', namespace: 'shop' },
    spec: { parentRefs: [{ group: '', kind: 'Service', name: 'a' }] },
  });
  await until(() => routes.size === 1, 'the route is there');
});

test('lines are put together over any cut of the bytes', () => {
  const text = '{"a":"ü"}\n\n{"b":"€ and more"}\n{"c":1}\n';
  const bytes = Buffer.from(text);
  for (let size = 1; size <= bytes.length; size += 1) {
    const splitter = new LineSplitter();
    const lines: string[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      splitter.push(Buffer.from(bytes.subarray(at, at + size)), (line) => lines.push(line));
    }
    const filled = lines.filter((line) => line !== '');
    assert.deepEqual(filled, ['{"a":"ü"}', '{"b":"€ and more"}', '{"c":1}'], `size ${size}`);
  }
});

test('a line without end is refused', () => {
  const splitter = new LineSplitter(10);
  assert.throws(() => splitter.push(Buffer.alloc(11, 97), () => {}), /longer than 10 bytes/);
});
