import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SYSTEM_NAMESPACE, TRUST_BUNDLE } from '../../proto/well-known.ts';
import { getJson, kubectl, type Pod } from './harness/kubectl.ts';
import { until } from './harness/poll.ts';
import { useMesh, useNamespace } from './harness/topic.ts';

describe('an installation', () => {
  useMesh();
  const late = useNamespace('e2e-late', { meshed: false });

  test('runs its own pods under the Pod Security profile restricted, without a sidecar', async () => {
    const { items } = await getJson<{ items: Pod[] }>(['pods', '-n', SYSTEM_NAMESPACE]);
    const enforced = await kubectl([
      'get',
      'namespace',
      SYSTEM_NAMESPACE,
      '-o',
      'jsonpath={.metadata.labels.pod-security\\.kubernetes\\.io/enforce}',
    ]);
    assert.equal(enforced, 'restricted');
    assert.ok(items.length >= 4);
    for (const pod of items) assert.deepEqual(pod.spec.initContainers ?? [], []);
  });

  test('starts without a container that fails on the way', async (t) => {
    const { items } = await getJson<{ items: Pod[] }>(['pods', '-n', SYSTEM_NAMESPACE]);
    for (const { metadata, status } of items) {
      const ready = status.conditions?.find(({ type }) => type === 'Ready');
      const seconds =
        (Date.parse(ready?.lastTransitionTime ?? '') - Date.parse(metadata.creationTimestamp)) /
        1000;
      t.diagnostic(`${metadata.name} was ready after ${seconds} s`);
    }
    const restarts = items.map(({ metadata, status }) => [
      metadata.name,
      status.containerStatuses?.[0]?.restartCount,
    ]);
    assert.deepEqual(
      restarts,
      items.map(({ metadata }) => [metadata.name, 0]),
    );
  });

  test('lets the injector write its certificate authority into the webhook', async () => {
    const bundle = await kubectl([
      'get',
      'mutatingwebhookconfiguration',
      'remora-injector',
      '-o',
      'jsonpath={.webhooks[0].clientConfig.caBundle}',
    ]);
    assert.match(Buffer.from(bundle, 'base64').toString(), /^-----BEGIN CERTIFICATE-----/);
  });

  test('keeps the roots of trust in a namespace from the moment when it opts in', async () => {
    const roots = () =>
      kubectl(['get', 'configmap', '-n', late, TRUST_BUNDLE.configMap, '-o', 'json']);
    await assert.rejects(roots(), /NotFound/);
    await kubectl(['label', 'namespace', late, 'remora.dev/inject=enabled']);
    const { data } = JSON.parse(
      await until('the ConfigMap is there', roots, { timeoutMs: 10_000 }),
    ) as { data: Record<string, string> };
    assert.match(data[TRUST_BUNDLE.key] ?? '', /^-----BEGIN CERTIFICATE-----/);
  });

  test('lets no account of ours read a Secret of another namespace or run a command in a pod', async () => {
    const may = (account: string, ...what: string[]) =>
      kubectl([
        'auth',
        'can-i',
        ...what,
        `--as=system:serviceaccount:${SYSTEM_NAMESPACE}:${account}`,
      ]).then(
        () => true,
        () => false,
      );
    for (const account of ['remora-control-plane', 'remora-injector']) {
      assert.equal(await may(account, 'get', 'secrets', '-n', late), false);
      assert.equal(await may(account, 'list', 'secrets', '-n', SYSTEM_NAMESPACE), false);
      assert.equal(await may(account, 'create', 'pods/exec', '-n', late), false);
    }
    assert.equal(
      await may('remora-control-plane', 'get', 'secrets/remora-ca', '-n', SYSTEM_NAMESPACE),
      true,
    );
  });
});
