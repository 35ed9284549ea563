import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { silentLog } from '../../runtime/log.ts';
import { until } from '../../test/fakes/until.ts';
import type { Collection } from '../collections/collection.ts';
import { type TrafficPolicyObject, trafficPolicyKind } from './custom-kinds.ts';
import { FilesSource } from './files.ts';
import { httpRouteKind } from './http-route.ts';
import { type NamespaceObject, namespaceKind, type ServiceObject, serviceKind } from './kinds.ts';
import type { RouteObject } from './route.ts';

let root: string;
let base: string;
let overlay: string;
let source: FilesSource;
let services: Collection<ServiceObject>;
let namespaces: Collection<NamespaceObject>;
let policies: Collection<TrafficPolicyObject>;
let routes: Collection<RouteObject>;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'remora-files-'));
  base = join(root, 'base');
  overlay = join(root, 'overlay');
  await mkdir(base);
  await mkdir(overlay);
  source = new FilesSource({ folders: [base, overlay], log: silentLog() });
  services = source.collection(serviceKind);
  namespaces = source.collection(namespaceKind);
  policies = source.collection(trafficPolicyKind);
  routes = source.collection(httpRouteKind);
});

afterEach(async () => {
  await source.stop();
  await rm(root, { recursive: true, force: true });
});

const service = (name: string, port: number | string, namespace = 'shop'): string =>
  `apiVersion: v1\nkind: Service\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec:\n  ports:\n    - port: ${port}\n`;
const keys = (collection: Collection<unknown>): string[] =>
  [...collection.entries()].map(([key]) => key).sort();
const portOf = (key: string): number | undefined => services.get(key)?.ports[0]?.port;
const problems = (): string[] =>
  [...source.problems.entries()].map(
    ([, { where, message }]) => `${where.slice(root.length + 1)} ${message}`,
  );

test('reads documents, lists and JSON, in folders below, with the default namespace', async () => {
  await mkdir(join(base, 'deeper'));
  await writeFile(
    join(base, 'all.yaml'),
    `# a comment\n---\nkind: Namespace\napiVersion: v1\nmetadata: { name: shop }\n---\n${service('a', 1)}---\n`,
  );
  await writeFile(
    join(base, 'deeper', 'list.yml'),
    `apiVersion: v1\nkind: List\nitems:\n- ${service('b', 2).trim().replaceAll('\n', '\n  ')}\n`,
  );
  await writeFile(
    join(base, 'c.json'),
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'c' },
      spec: { ports: [{ port: 3 }] },
    }),
  );
  await writeFile(
    join(base, 'other.yaml'),
    'apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: ignored }\n',
  );
  await writeFile(join(base, 'notes.txt'), 'not: read');
  await source.start();
  assert.deepEqual(keys(services), ['default/c', 'shop/a', 'shop/b']);
  assert.deepEqual(keys(namespaces), ['shop']);
  assert.deepEqual(problems(), []);
  assert.ok(services.synced && policies.synced);
});

test('a later folder wins, and the earlier returns when it lets go', async () => {
  await writeFile(join(base, 'a.yaml'), service('a', 1));
  await writeFile(join(overlay, 'whatever.yaml'), service('a', 2));
  await source.start();
  assert.equal(portOf('shop/a'), 2);
  await rm(join(overlay, 'whatever.yaml'));
  await until(() => portOf('shop/a') === 1, 'the earlier folder is in force');
  assert.deepEqual(problems(), []);
});

test('changes are in force soon: written, replaced, removed, in new folders', async () => {
  await writeFile(join(base, 'a.yaml'), service('a', 1));
  await source.start();
  await writeFile(join(base, 'a.yaml'), service('a', 2));
  await until(() => portOf('shop/a') === 2, 'the file was written');
  await writeFile(join(base, '.a.tmp'), service('a', 3));
  await rename(join(base, '.a.tmp'), join(base, 'a.yaml'));
  await until(() => portOf('shop/a') === 3, 'the file was replaced');
  await mkdir(join(base, 'new'));
  await writeFile(join(base, 'new', 'b.yaml'), service('b', 1));
  await until(() => portOf('shop/b') === 1, 'a file in a new folder');
  await writeFile(join(base, 'new', 'b.yaml'), service('b', 2));
  await until(() => portOf('shop/b') === 2, 'a change in a new folder');
  await rm(join(base, 'new'), { recursive: true });
  await until(() => services.size === 1, 'the folder is gone');
});

test('links are followed, as in a mounted ConfigMap', async () => {
  await mkdir(join(base, '..data-1'));
  await writeFile(join(base, '..data-1', 'a.yaml'), service('a', 1));
  await symlink('..data-1', join(base, '..data'));
  await symlink('..data/a.yaml', join(base, 'a.yaml'));
  await source.start();
  assert.equal(portOf('shop/a'), 1);
  await mkdir(join(base, '..data-2'));
  await writeFile(join(base, '..data-2', 'a.yaml'), service('a', 2));
  await symlink('..data-2', join(base, '..data-new'));
  await rename(join(base, '..data-new'), join(base, '..data'));
  await until(() => portOf('shop/a') === 2, 'the link was switched');
});

test('links that lead in circles do not multiply what is read', async () => {
  for (const name of ['a', 'b', 'c']) await symlink('.', join(base, name));
  await symlink(base, join(overlay, 'other'));
  await writeFile(join(base, 'web.yaml'), service('web', 80));
  await source.start();
  assert.deepEqual(keys(services), ['shop/web']);
  assert.deepEqual(problems(), []);
});

const harmful: { name: string; text: string; problem: RegExp }[] = [
  {
    name: 'a value that contains itself',
    text: '&all\napiVersion: v1\nkind: Service\nmetadata: { name: x }\nspec: *all\n',
    problem: /is not valid YAML: an alias stands inside of what it stands for/,
  },
  {
    name: 'more brackets than a stack is deep',
    text: '['.repeat(100_000),
    problem: /is not valid YAML/,
  },
  {
    name: 'more than anybody should read',
    text: `a: ${'x'.repeat(17 * 1024 * 1024)}`,
    problem: /is larger than 16 MiB and was not read: divide it/,
  },
  {
    name: 'a namespace that is no name',
    text: service('x', 80, '"a/b c"'),
    problem: /:3 Service a\/b c\/x: metadata.namespace must be lower-case letters, digits and "-"/,
  },
  {
    name: 'an address that is none',
    text: `${service('x', 80)}  clusterIP: 10.1.0.300\n`,
    problem: /:7 Service shop\/x: spec.clusterIP must be an IP address, and is "10.1.0.300"/,
  },
  {
    name: 'a port twice',
    text: `${service('x', 80)}    - { name: again, port: 80 }\n`,
    problem: /Service shop\/x: spec.ports\[1\] is TCP 80, which stands there twice/,
  },
];
for (const { name, text, problem } of harmful) {
  test(`a file with ${name} is named, and its neighbours are read`, async () => {
    await writeFile(join(base, 'harmful.yaml'), text);
    await writeFile(join(base, 'web.yaml'), service('web', 80));
    await source.start();
    assert.deepEqual(keys(services), ['shop/web']);
    assert.equal(problems().length, 1);
    assert.match(problems()[0] ?? '', problem);
  });
}

test('unreadable YAML is named with file and line, and its last good content stays', async () => {
  await writeFile(join(base, 'a.yaml'), `${service('a', 1)}---\n${service('b', 1)}`);
  await source.start();
  await writeFile(join(base, 'a.yaml'), `${service('a', 2)}---\nkind: [Service\nmetadata: x\n`);
  await until(() => source.problems.size === 1, 'the problem is told');
  assert.match(problems()[0] ?? '', /^base\/a\.yaml:(8|9) is not valid YAML: /);
  assert.deepEqual([portOf('shop/a'), portOf('shop/b')], [1, 1]);
  await writeFile(join(base, 'a.yaml'), service('a', 2));
  await until(() => source.problems.size === 0, 'the problem is gone');
  assert.deepEqual(keys(services), ['shop/a']);
  assert.equal(portOf('shop/a'), 2);
});

test('a resource that is broken keeps its last good form while its neighbours change', async () => {
  await writeFile(join(base, 'a.yaml'), `${service('a', 1)}---\n${service('b', 1)}`);
  await source.start();
  await writeFile(join(base, 'a.yaml'), `${service('a', '"http"')}---\n${service('b', 2)}`);
  await until(() => portOf('shop/b') === 2, 'the neighbour changed');
  assert.equal(portOf('shop/a'), 1);
  assert.deepEqual(problems(), [
    'base/a.yaml:6 Service shop/a: spec.ports[0].port must be a port from 1 to 65535, and is "http"',
  ]);
});

test('violations of our schemas and unsupported routes are named with their line', async () => {
  await writeFile(
    join(base, 'policy.yaml'),
    [
      'apiVersion: remora.dev/v1alpha1',
      'kind: TrafficPolicy',
      'metadata: { name: p, namespace: shop }',
      'spec:',
      '  targetRefs:',
      '    - kind: Service',
      '      name: a',
      '  timeouts:',
      '    request: 5 seconds',
      '---',
      'apiVersion: gateway.networking.k8s.io/v1',
      'kind: HTTPRoute',
      'metadata: { name: r, namespace: shop }',
      'spec:',
      '  parentRefs: [{ group: "", kind: Service, name: a }]',
      '  rules:',
      '    - matches:',
      '        - path:',
      '            type: RegularExpression',
      '            value: /(a',
    ].join('\n'),
  );
  await source.start();
  assert.deepEqual(problems(), [
    'base/policy.yaml:9 TrafficPolicy shop/p: spec.timeouts.request: is not a duration such as 250ms, 10s or 1h30m',
    'base/policy.yaml:20 HTTPRoute shop/r: spec.rules[0].matches[0].path.value: "/(a" is no regular expression of RE2: error parsing regexp: missing closing ): `/(a`',
  ]);
  assert.equal(policies.get('shop/p')?.spec, undefined);
  assert.equal(policies.get('shop/p')?.invalid?.reason, 'Invalid');
  assert.equal(routes.get('shop/r')?.invalid?.reason, 'UnsupportedValue');
});

test('what is no resource, nameless or doubled is named', async () => {
  await writeFile(join(base, 'a.yaml'), `${service('a', 1)}---\n\nfoo: bar\n`);
  await writeFile(join(base, 'b.yaml'), service('a', 2));
  await writeFile(join(base, 'c.yaml'), 'apiVersion: v1\nkind: Service\nspec: {}\n');
  await source.start();
  assert.deepEqual(problems().sort(), [
    'base/a.yaml:9 is no Kubernetes resource: apiVersion or kind is missing',
    `base/b.yaml v1/Service shop/a stands in ${join(base, 'a.yaml')} too; this one counts`,
    'base/c.yaml:1 Service without a name: metadata.name is missing',
  ]);
  assert.equal(portOf('shop/a'), 2);
});

test('a folder that is missing is named, and found once it is there', async () => {
  await rm(overlay, { recursive: true });
  source = new FilesSource({ folders: [base, overlay], log: silentLog(), pollMs: 20 });
  services = source.collection(serviceKind);
  await writeFile(join(base, 'a.yaml'), service('a', 1));
  await source.start();
  assert.match(problems()[0] ?? '', /^overlay cannot be read: ENOENT/);
  assert.equal(portOf('shop/a'), 1);
  await mkdir(overlay);
  await writeFile(join(overlay, 'a.yaml'), service('a', 2));
  await until(() => portOf('shop/a') === 2, 'the folder is read');
  assert.deepEqual(problems(), []);
});

test('a file that an editor has just emptied keeps its content until it is written', async () => {
  await writeFile(join(base, 'a.yaml'), service('a', 1));
  await source.start();
  const sizes = new Set<number>();
  const stop = services.subscribe(() => sizes.add(services.size));
  await writeFile(join(base, 'a.yaml'), '');
  await new Promise((resolve) => setTimeout(resolve, 120));
  await writeFile(join(base, 'a.yaml'), service('a', 2));
  await until(() => portOf('shop/a') === 2, 'the new content is in force');
  stop();
  assert.deepEqual([...sizes], [1]);
  await writeFile(join(base, 'a.yaml'), '');
  await until(() => services.size === 0, 'a file that stays empty is empty');
});
