import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type EndpointSliceObject, endpointSliceKind, podKind } from '../watch/kinds.ts';
import { buildEndpoints } from './endpoints.ts';
import type { Service } from './types.ts';

const service: Service = {
  kind: 'service',
  namespace: 'shop',
  name: 'web',
  addresses: ['10.0.0.1'],
  ports: [
    { port: 80, name: 'http', protocol: 'http1' },
    { port: 90, name: 'admin', protocol: 'detect' },
  ],
};

function slice(endpoints: object[], more: object = {}): EndpointSliceObject {
  return endpointSliceKind.parse({
    metadata: {
      name: 'web-1',
      namespace: 'shop',
      labels: { 'kubernetes.io/service-name': 'web' },
    },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080 }],
    endpoints,
    ...more,
  });
}

const build = (...slices: EndpointSliceObject[]) =>
  buildEndpoints({ service, slices, pod: () => undefined }).endpoints;
const addresses = (...slices: EndpointSliceObject[]) => build(...slices).map((one) => one.address);

const ready = (address: string) => ({ addresses: [address], conditions: { ready: true } });
const starting = { addresses: ['10.1.0.9'], conditions: { ready: false, serving: false } };
const leaving = {
  addresses: ['10.1.0.8'],
  conditions: { ready: false, serving: true, terminating: true },
};
const gone = {
  addresses: ['10.1.0.7'],
  conditions: { ready: false, serving: false, terminating: true },
};

const cases: { name: string; slices: EndpointSliceObject[]; expected: string[] }[] = [
  { name: 'no slices, no endpoints', slices: [], expected: [] },
  {
    name: 'absent conditions mean ready',
    slices: [slice([{ addresses: ['10.1.0.1'] }])],
    expected: ['10.1.0.1'],
  },
  {
    name: 'only ready ones count while there is one',
    slices: [slice([ready('10.1.0.2'), starting, leaving, gone, ready('10.1.0.1')])],
    expected: ['10.1.0.1', '10.1.0.2'],
  },
  {
    name: 'when none is ready, those that leave but still serve do',
    slices: [slice([starting, leaving, gone])],
    expected: ['10.1.0.8'],
  },
  { name: 'one that starts never counts', slices: [slice([starting])], expected: [] },
  {
    name: 'several slices are one set, and an address in two counts once',
    slices: [slice([ready('10.1.0.1')]), slice([ready('10.1.0.2'), ready('10.1.0.1')])],
    expected: ['10.1.0.1', '10.1.0.2'],
  },
  {
    name: 'names are no addresses',
    slices: [slice([{ addresses: ['example.com'] }], { addressType: 'FQDN' })],
    expected: [],
  },
  {
    name: 'a slice with none of the ports of the service does not count',
    slices: [slice([ready('10.1.0.1')], { ports: [{ name: 'other', port: 1 }] })],
    expected: [],
  },
];

for (const { name, slices, expected } of cases) {
  test(name, () => assert.deepEqual(addresses(...slices), expected));
}

test('ports meet by name, over several slices', () => {
  const [endpoint] = build(
    slice([ready('10.1.0.1')]),
    slice([ready('10.1.0.1')], { ports: [{ name: 'admin', port: 9090 }] }),
  );
  assert.deepEqual(endpoint?.ports, [
    { servicePort: 80, targetPort: 8080 },
    { servicePort: 90, targetPort: 9090 },
  ]);
});

test('an endpoint carries its pod, or says that there is none', () => {
  const pod = podKind.parse({
    metadata: { name: 'web-0', namespace: 'shop', labels: { 'remora.dev/sidecar': 'enabled' } },
    spec: { serviceAccountName: 'web', nodeName: 'node-1' },
  });
  const { endpoints } = buildEndpoints({
    service,
    slices: [
      slice([
        { ...ready('10.1.0.1'), zone: 'a', targetRef: { kind: 'Pod', name: 'web-0' } },
        { ...ready('10.9.0.1'), zone: 'b', nodeName: 'node-2' },
      ]),
    ],
    pod: (name) => (name === 'web-0' ? pod : undefined),
  });
  assert.deepEqual(
    endpoints.map(({ workload }) => [
      workload.pod,
      workload.zone,
      workload.node,
      workload.trunkPort,
    ]),
    [
      ['web-0', 'a', 'node-1', 15008],
      ['', 'b', 'node-2', 0],
    ],
  );
});
