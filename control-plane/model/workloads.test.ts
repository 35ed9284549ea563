import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PodObject, podKind, serviceKind } from '../watch/kinds.ts';
import { buildSettings, ownAddresses, toWorkload, trunkPort, workloadName } from './workloads.ts';

interface PodShape {
  readonly labels?: Record<string, string>;
  readonly annotations?: Record<string, string>;
  readonly owner?: { kind: string; name: string };
  readonly spec?: object;
  readonly status?: object;
}

function pod({
  labels = {},
  annotations = {},
  owner,
  spec = {},
  status = {},
}: PodShape): PodObject {
  return podKind.parse({
    metadata: {
      name: 'web-6d4cf56db6-x2lvn',
      namespace: 'shop',
      labels,
      annotations,
      ...(owner === undefined
        ? {}
        : { ownerReferences: [{ apiVersion: 'v1', controller: true, ...owner }] }),
    },
    spec: { serviceAccountName: 'web', nodeName: 'node-1', ...spec },
    status: { phase: 'Running', podIP: '10.1.0.5', ...status },
  });
}

const names: { what: string; shape: PodShape; name: string }[] = [
  { what: 'a bare pod', shape: {}, name: 'web-6d4cf56db6-x2lvn' },
  {
    what: "a Deployment's pod",
    shape: {
      owner: { kind: 'ReplicaSet', name: 'web-6d4cf56db6' },
      labels: { 'pod-template-hash': '6d4cf56db6' },
    },
    name: 'web',
  },
  {
    what: 'a Deployment whose name looks like a hash',
    shape: {
      owner: { kind: 'ReplicaSet', name: 'web-abc-6d4cf56db6' },
      labels: { 'pod-template-hash': '6d4cf56db6' },
    },
    name: 'web-abc',
  },
  {
    what: 'a ReplicaSet of its own',
    shape: { owner: { kind: 'ReplicaSet', name: 'web-set' } },
    name: 'web-set',
  },
  {
    what: 'an Argo Rollout',
    shape: {
      owner: { kind: 'ReplicaSet', name: 'web-5f8' },
      labels: { 'rollouts-pod-template-hash': '5f8' },
    },
    name: 'web',
  },
  { what: 'a StatefulSet', shape: { owner: { kind: 'StatefulSet', name: 'db' } }, name: 'db' },
  { what: 'a DaemonSet', shape: { owner: { kind: 'DaemonSet', name: 'agent' } }, name: 'agent' },
  { what: 'a Job', shape: { owner: { kind: 'Job', name: 'import-2' } }, name: 'import-2' },
  {
    what: 'a CronJob',
    shape: { owner: { kind: 'Job', name: 'nightly-29351520' } },
    name: 'nightly',
  },
  {
    what: 'a static pod',
    shape: { owner: { kind: 'Node', name: 'node-1' } },
    name: 'web-6d4cf56db6-x2lvn',
  },
];

for (const { what, shape, name } of names) {
  test(`the workload of ${what} is ${name}`, () => assert.equal(workloadName(pod(shape)), name));
}

const sidecar = { 'remora.dev/sidecar': 'enabled' };
const trunks: { what: string; shape: PodShape; port: number }[] = [
  { what: 'no sidecar', shape: {}, port: 0 },
  {
    what: 'an annotation alone',
    shape: { annotations: { 'remora.dev/trunk-port': '1' } },
    port: 0,
  },
  { what: 'a sidecar', shape: { labels: sidecar }, port: 15008 },
  {
    what: 'a sidecar on a port of its own',
    shape: { labels: sidecar, annotations: { 'remora.dev/trunk-port': '25008' } },
    port: 25008,
  },
  {
    what: 'a sidecar with an unusable port',
    shape: { labels: sidecar, annotations: { 'remora.dev/trunk-port': 'no' } },
    port: 15008,
  },
  {
    what: 'a sidecar that was switched off',
    shape: { labels: { 'remora.dev/sidecar': 'disabled' } },
    port: 0,
  },
];

for (const { what, shape, port } of trunks) {
  test(`with ${what}, the trunk port is ${port}`, () => assert.equal(trunkPort(pod(shape)), port));
}

test('a workload tells who a pod is', () => {
  assert.deepEqual(toWorkload(pod({ labels: sidecar }), '10.1.0.5', 'zone-a'), {
    kind: 'workload',
    address: '10.1.0.5',
    pod: 'web-6d4cf56db6-x2lvn',
    namespace: 'shop',
    workload: 'web-6d4cf56db6-x2lvn',
    serviceAccount: 'web',
    node: 'node-1',
    zone: 'zone-a',
    trunkPort: 15008,
  });
});

test('the label of a pod tells its zone, else the node does', () => {
  const labels = { 'topology.kubernetes.io/zone': 'south' };
  assert.equal(toWorkload(pod({ labels }), '10.1.0.5', 'north').zone, 'south');
  assert.equal(toWorkload(pod({}), '10.1.0.5', 'north').zone, 'north');
});

test("addresses are the pod's alone: not the host's, nor those of one that has ended", () => {
  const podIPs = [{ ip: '10.1.0.5' }, { ip: 'fd00::5' }];
  assert.deepEqual(ownAddresses(pod({ status: { podIPs } })), ['10.1.0.5', 'fd00::5']);
  assert.deepEqual(ownAddresses(pod({ spec: { hostNetwork: true } })), []);
  assert.deepEqual(ownAddresses(pod({ status: { phase: 'Succeeded' } })), []);
  assert.deepEqual(ownAddresses(pod({ status: { phase: 'Failed' } })), []);
});

test("settings hold the ports on which services reach the pod, by number and by container's name", () => {
  const service = (name: string, selector: object, ports: object[]) =>
    serviceKind.parse({ metadata: { name, namespace: 'shop' }, spec: { selector, ports } });
  const settings = buildSettings({
    pod: pod({
      labels: { app: 'web' },
      spec: { containers: [{ ports: [{ name: 'metrics', containerPort: 9090 }] }] },
    }),
    trustDomain: 'mesh.test',
    rateLimitsOf: () => undefined,
    services: [
      service('a', { app: 'web' }, [
        { name: 'main', port: 80, targetPort: 8080 },
        { name: 'http-m', port: 81, targetPort: 'metrics' },
        { name: 'gone', port: 82, targetPort: 'absent' },
        { name: 'dns', port: 53, protocol: 'UDP' },
      ]),
      service('b', { app: 'web' }, [{ name: 'grpc', port: 90, targetPort: 8080 }]),
      service('c', { app: 'web' }, [{ name: 'http', port: 91, targetPort: 8080 }]),
      service('other', { app: 'db' }, [{ name: 'tcp', port: 5432 }]),
      service('manual', {}, [{ name: 'tcp', port: 7 }]),
    ],
    elections: ['z', 'a'],
    zoneOfNode: 'north',
  });
  assert.deepEqual(settings, {
    kind: 'settings',
    workload: 'web-6d4cf56db6-x2lvn',
    trustDomain: 'mesh.test',
    inboundPorts: [
      { port: 8080, name: 'grpc', protocol: 'grpc' },
      { port: 9090, name: 'http-m', protocol: 'http1' },
    ],
    elections: ['a', 'z'],
    zone: 'north',
  });
});
