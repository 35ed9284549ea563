import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { containerEnvironment } from './environment.ts';
import type { Manifests } from './manifests.ts';
import type { Container } from './objects.ts';

const POD = {
  name: 'web-1',
  namespace: 'shop',
  labels: { app: 'web' },
  annotations: {},
  address: '10.199.0.2',
  hostAddress: '10.199.0.1',
  serviceAccount: 'default',
};

const DATA = {
  ConfigMap: [
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'colours', namespace: 'shop' },
      data: { sky: 'blue' },
    },
  ],
  Secret: [
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'key', namespace: 'shop' },
      data: { pin: 'MTIzNA==' },
    },
  ],
};
const MANIFESTS = { list: (kind: string) => DATA[kind as 'Secret'] ?? [] } as Pick<
  Manifests,
  'list'
>;

suite('the variables of a container', () => {
  const cases: { name: string; container: Partial<Container>; env: object; problems?: RegExp }[] = [
    { name: 'values', container: { env: [{ name: 'A', value: '1' }] }, env: { A: '1' } },
    {
      name: 'values that name others',
      container: {
        env: [
          { name: 'A', value: 'x' },
          { name: 'B', value: '$(A)-$(NONE)-$$(A)' },
        ],
      },
      env: { A: 'x', B: 'x-$(NONE)-$(A)' },
    },
    {
      name: 'fields of the pod',
      container: {
        env: [
          { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
          { name: 'APP', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
        ],
      },
      env: { IP: '10.199.0.2', APP: 'web' },
    },
    {
      name: 'keys of a ConfigMap and a Secret',
      container: {
        env: [
          { name: 'SKY', valueFrom: { configMapKeyRef: { name: 'colours', key: 'sky' } } },
          { name: 'PIN', valueFrom: { secretKeyRef: { name: 'key', key: 'pin' } } },
          { name: 'MAY', valueFrom: { secretKeyRef: { name: 'none', key: 'x', optional: true } } },
        ],
      },
      env: { SKY: 'blue', PIN: '1234' },
    },
    {
      name: 'a whole ConfigMap',
      container: { envFrom: [{ prefix: 'C_', configMapRef: { name: 'colours' } }] },
      env: { C_sky: 'blue' },
    },
    {
      name: 'what is not there',
      container: { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'none', key: 'x' } } }] },
      env: {},
      problems: /A: there is no key x in a Secret shop\/none/,
    },
    {
      name: 'a field that local mode does not have',
      container: { env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'status.odd' } } }] },
      env: {},
      problems: /A: local mode knows no status\.odd/,
    },
  ];
  for (const { name, container, env, problems } of cases) {
    test(name, () => {
      const result = containerEnvironment({ name: 'web', ...container }, POD, MANIFESTS);
      assert.deepEqual(result.env, env);
      if (problems === undefined) assert.deepEqual(result.problems, []);
      else assert.match(result.problems.join(), problems);
    });
  }
});
