import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MemorySource } from '../../test/fakes/memory-source.ts';
import { createMeshState, type Mesh } from './mesh-state.ts';
import type { SidecarIdentity, Snapshot, Subscription } from './types.ts';

const service = (name: string, port = 80, namespace = 'shop'): string => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: ${namespace} }
spec: { clusterIP: 10.0.0.1, selector: { app: ${name} }, ports: [{ name: http, port: ${port}, targetPort: 8080 }] }
`;
const slice = (name: string, ...addresses: string[]): string => `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${name}-1, namespace: shop, labels: { kubernetes.io/service-name: ${name} } }
addressType: IPv4
ports: [{ name: http, port: 8080 }]
endpoints: [${addresses.map((address) => `{ addresses: [${address}], targetRef: { kind: Pod, name: ${name}-0 } }`).join(', ')}]
`;
const pod = (name: string, app: string, address: string, ready = 'True'): string => `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, namespace: shop, labels: { app: ${app}, remora.dev/sidecar: enabled } }
spec: { serviceAccountName: ${app}, nodeName: node-1 }
status: { phase: Running, podIP: ${address}, conditions: [{ type: Ready, status: "${ready}" }] }
`;
const route = (parent: string, ...backends: string[]): string => `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: to-${parent}, namespace: shop }
spec:
  parentRefs: [{ group: "", kind: Service, name: ${parent} }]
  rules: [{ backendRefs: [${backends.map((name) => `{ name: ${name}, port: 80 }`).join(', ')}] }]
`;
const policy = (target: string, timeout: string): string => `
apiVersion: remora.dev/v1alpha1
kind: TrafficPolicy
metadata: { name: for-${target}, namespace: shop }
spec: { targetRefs: [{ kind: Service, name: ${target} }], timeouts: { request: ${timeout} } }
`;
const election = (name: string, app: string): string => `
apiVersion: remora.dev/v1alpha1
kind: LeaderElection
metadata: { name: ${name}, namespace: shop }
spec: { selector: { matchLabels: { app: ${app} } }, leaseDuration: 5s }
`;
const NODE = `
apiVersion: v1
kind: Node
metadata: { name: node-1, labels: { topology.kubernetes.io/zone: zone-a } }
`;

const client: SidecarIdentity = {
  pod: 'client-0',
  namespace: 'shop',
  serviceAccount: 'client',
  addresses: ['10.1.0.1'],
};
const wants = (services: string[] = [], addresses: string[] = []): Subscription => ({
  services: new Set(services),
  addresses: new Set(addresses),
});

function mesh(...texts: string[]): { source: MemorySource; mesh: Mesh } {
  const source = new MemorySource();
  const created = createMeshState({ source, trustDomain: 'cluster.local' });
  source.markSynced().apply(...texts);
  return { source, mesh: created };
}

const names = (snapshot: Snapshot): string[] =>
  [...snapshot.shared.byName.keys(), ...snapshot.own.byName.keys()].sort();

test('the index of services is shared by all, whatever they asked for', () => {
  const { mesh: state } = mesh(service('a'), service('b', 80, 'bank'));
  const one = state.snapshot(client, wants());
  const other = state.snapshot({ ...client, pod: 'x', namespace: 'bank' }, wants(['shop/a']));
  assert.deepEqual([...one.shared.byName.keys()].sort(), ['service/bank/b', 'service/shop/a']);
  assert.equal(one.shared, other.shared);
});

test('the shared set is the same object until a service changes', () => {
  const { source, mesh: state } = mesh(service('a'));
  const before = state.snapshot(client, wants()).shared;
  source.apply(slice('a', '10.1.0.2'), pod('a-0', 'a', '10.1.0.2'), service('a'));
  assert.equal(state.snapshot(client, wants()).shared, before);
  source.apply(service('a', 81));
  assert.notEqual(state.snapshot(client, wants()).shared, before);
});

test('details come with a subscription, and with them the endpoints of the backends', () => {
  const { source, mesh: state } = mesh(service('a'), service('b'), service('c'), service('unused'));
  assert.deepEqual([...state.snapshot(client, wants(['shop/a'])).own.byName.keys()].sort(), [
    'endpoints/shop/a',
    'routes/shop/a',
    'settings',
  ]);
  source.apply(route('a', 'b', 'c', 'absent'));
  assert.deepEqual([...state.snapshot(client, wants(['shop/a'])).own.byName.keys()].sort(), [
    'endpoints/shop/a',
    'endpoints/shop/b',
    'endpoints/shop/c',
    'routes/shop/a',
    'settings',
  ]);
});

test('a service that does not exist has no details, until it does', () => {
  const { source, mesh: state } = mesh();
  assert.deepEqual(names(state.snapshot(client, wants(['shop/a']))), ['settings']);
  source.apply(service('a'));
  assert.deepEqual(names(state.snapshot(client, wants(['shop/a']))), [
    'endpoints/shop/a',
    'routes/shop/a',
    'service/shop/a',
    'settings',
  ]);
});

test('an address tells its pod, or that nobody is there', () => {
  const { mesh: state } = mesh(NODE, pod('web-0', 'web', '10.1.0.7'));
  const { byName } = state.snapshot(client, wants([], ['10.1.0.7', '10.1.0.8'])).own;
  assert.deepEqual(byName.get('workload/10.1.0.7')?.resource, {
    kind: 'workload',
    address: '10.1.0.7',
    pod: 'web-0',
    namespace: 'shop',
    workload: 'web-0',
    serviceAccount: 'web',
    node: 'node-1',
    zone: 'zone-a',
    trunkPort: 15008,
  });
  assert.deepEqual(byName.get('workload/10.1.0.8')?.resource, {
    kind: 'workload',
    address: '10.1.0.8',
    pod: '',
    namespace: '',
    workload: '',
    serviceAccount: '',
    node: '',
    zone: '',
    trunkPort: 0,
  });
});

test('an address that changes hands belongs to the pod that stays', () => {
  const { mesh: state } = mesh(
    pod('old-0', 'old', '10.1.0.7').replace(
      'name: old-0',
      'name: old-0, deletionTimestamp: "2026-01-01T00:00:00Z"',
    ),
    pod('new-0', 'new', '10.1.0.7'),
  );
  const found = state.snapshot(client, wants([], ['10.1.0.7'])).own.byName.get('workload/10.1.0.7');
  assert.equal(found?.resource.kind === 'workload' && found.resource.pod, 'new-0');
});

test('settings are those of the pod; a pod not seen yet gets what is known', () => {
  const { source, mesh: state } = mesh(service('client'), election('boss', 'client'));
  const settings = () => state.snapshot(client, wants()).own.byName.get('settings')?.resource;
  assert.deepEqual(settings(), {
    kind: 'settings',
    workload: 'client-0',
    trustDomain: 'cluster.local',
    inboundPorts: [],
    elections: [],
  });
  source.apply(pod('client-0', 'client', '10.1.0.1'));
  assert.deepEqual(settings(), {
    kind: 'settings',
    workload: 'client-0',
    trustDomain: 'cluster.local',
    inboundPorts: [{ port: 8080, name: 'http', protocol: 'http1' }],
    elections: ['boss'],
  });
});

test('candidates are the ready, staying pods of the selector that have a sidecar', () => {
  const { source, mesh: state } = mesh(
    election('boss', 'w'),
    pod('w-0', 'w', '10.1.0.1'),
    pod('w-1', 'w', '10.1.0.2', 'False'),
    pod('w-2', 'w', '10.1.0.3').replace('remora.dev/sidecar: enabled', 'x: y'),
    pod('w-3', 'w', '10.1.0.4').replace(
      'name: w-3',
      'name: w-3, deletionTimestamp: "2026-01-01T00:00:00Z"',
    ),
    pod('v-0', 'v', '10.1.0.5'),
  );
  const candidates = (name: string) =>
    state
      .electionsOf('shop', name)
      .map((one) => [one.name, one.leaseDurationMs, [...one.candidates]]);
  assert.deepEqual(candidates('w-0'), [['boss', 5000, ['w-0']]]);
  for (const other of ['w-1', 'w-2', 'w-3', 'v-0']) assert.deepEqual(candidates(other), []);
  source.apply(pod('w-1', 'w', '10.1.0.2'));
  assert.deepEqual(candidates('w-1'), [['boss', 5000, ['w-0', 'w-1']]]);
  source.delete('remora.dev/v1alpha1/LeaderElection', 'shop/boss');
  assert.deepEqual(candidates('w-0'), []);
});

test('the version changes with what the sidecar sees, and returns with it', () => {
  const { source, mesh: state } = mesh(service('a'), slice('a', '10.1.0.2'), service('b'));
  const version = () => state.snapshot(client, wants(['shop/a'])).version;
  const first = version();
  assert.equal(version(), first);
  source.apply(slice('b', '10.1.0.9'));
  assert.equal(version(), first, 'endpoints of a service that it does not use');
  source.apply(slice('a', '10.1.0.2', '10.1.0.3'));
  const second = version();
  assert.notEqual(second, first);
  source.apply(slice('a', '10.1.0.2'));
  assert.equal(version(), first);
  source.apply(policy('a', '1s'));
  assert.notEqual(version(), first);
});

test('listeners hear of a turn once, and only when a stream could see a difference', async () => {
  const { source, mesh: state } = mesh(service('a'));
  let heard = 0;
  const stop = state.onChange(() => {
    heard += 1;
  });
  source.apply(service('a'));
  source.apply('apiVersion: v1\nkind: Namespace\nmetadata: { name: quiet }\n');
  assert.equal(heard, 0);
  source.apply(service('b'), service('c'), policy('a', '1s'));
  assert.equal(heard, 1);
  stop();
  source.apply(service('d'));
  assert.equal(heard, 1);
});

test('it is synced when every kind has been listed, and says so', () => {
  const source = new MemorySource();
  const state = createMeshState({ source, trustDomain: 'cluster.local' });
  let heard = 0;
  state.onChange(() => {
    heard += 1;
  });
  source.apply(service('a'));
  assert.equal(state.synced, false);
  const before = heard;
  source.markSynced();
  assert.equal(state.synced, true);
  assert.ok(heard > before);
});

test('after any sequence of changes the state equals one computed from scratch', () => {
  const name = fc.constantFrom('a', 'b', 'c');
  const address = fc.constantFrom('10.1.0.1', '10.1.0.2', '10.1.0.3');
  const text = fc.oneof(
    fc.tuple(name, fc.constantFrom(80, 81)).map(([one, port]) => service(one, port)),
    fc.tuple(name, fc.uniqueArray(address)).map(([one, at]) => slice(one, ...at)),
    fc
      .tuple(name, name, address, fc.constantFrom('True', 'False'))
      .map(([one, app, at, ready]) => pod(`${one}-0`, app, at, ready)),
    fc.tuple(name, fc.uniqueArray(name, { minLength: 1 })).map(([one, to]) => route(one, ...to)),
    fc.tuple(name, fc.constantFrom('1s', '2s')).map(([one, timeout]) => policy(one, timeout)),
    fc.tuple(name, name).map(([one, app]) => election(one, app)),
  );
  const removal = fc.oneof(
    name.map((one) => ['v1/Service', `shop/${one}`] as const),
    name.map((one) => ['v1/Pod', `shop/${one}-0`] as const),
    name.map((one) => ['discovery.k8s.io/v1/EndpointSlice', `shop/${one}-1`] as const),
    name.map((one) => ['gateway.networking.k8s.io/v1/HTTPRoute', `shop/to-${one}`] as const),
    name.map((one) => ['remora.dev/v1alpha1/TrafficPolicy', `shop/for-${one}`] as const),
    name.map((one) => ['remora.dev/v1alpha1/LeaderElection', `shop/${one}`] as const),
  );
  const everything = wants(['shop/a', 'shop/b', 'shop/c'], ['10.1.0.1', '10.1.0.2', '10.1.0.3']);
  const view = (state: Mesh) => {
    const identities = ['a-0', 'b-0', 'c-0'].map((one) => ({ ...client, pod: one }));
    const { shared, version } = state.snapshot(client, everything);
    return {
      version,
      shared: [...shared.byName].sort(([a], [b]) => (a < b ? -1 : 1)),
      own: identities.map((identity) =>
        [...state.snapshot(identity, everything).own.byName].sort(([a], [b]) => (a < b ? -1 : 1)),
      ),
      elections: identities.map((identity) => state.electionsOf('shop', identity.pod)),
      judgements: state.judged.map(({ judgements }) =>
        [...judgements.entries()].sort(([a], [b]) => (a < b ? -1 : 1)),
      ),
    };
  };
  fc.assert(
    fc.property(fc.array(fc.oneof(text, removal), { maxLength: 25 }), (steps) => {
      const { source, mesh: state } = mesh();
      // What stands at the end.
      const standing = new Map<string, string>();
      for (const step of steps) {
        if (typeof step === 'string') {
          source.apply(step);
          standing.set(
            /kind: (\w+)/.exec(step)?.[1] + (/metadata: \{ name: ([\w-]+)/.exec(step)?.[1] ?? ''),
            step,
          );
        } else {
          const [id, key] = step;
          source.delete(id, key);
          standing.delete((id.split('/').at(-1) ?? '') + (key.split('/').at(-1) ?? ''));
        }
      }
      const scratch = mesh(...standing.values());
      assert.deepEqual(view(state), view(scratch.mesh));
    }),
    { numRuns: 60 },
  );
});
