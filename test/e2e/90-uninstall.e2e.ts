import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { SYSTEM_NAMESPACE } from '../../proto/well-known.ts';
import { apply, kubectl, rolledOut } from './harness/kubectl.ts';
import { DEPLOYMENTS, helm, installChart } from './harness/mesh.ts';
import { prepare, useMesh, useNamespace } from './harness/topic.ts';

describe('an uninstallation', { skip: process.env.E2E_KEEP === '1' }, () => {
  useMesh();
  const ns = useNamespace('e2e-uninstall', { meshed: false });

  prepare(ns, () =>
    apply([
      {
        apiVersion: 'remora.dev/v1alpha1',
        kind: 'TrafficPolicy',
        metadata: { name: 'kept', namespace: ns },
        spec: {
          targetRefs: [{ group: '', kind: 'Service', name: 'any' }],
          timeouts: { request: '1s' },
        },
      },
    ]),
  );

  test('keeps definitions, policies and the CA, and takes everything else', async () => {
    const secret = await caSecret();
    await helm(['uninstall', 'remora', '--namespace', SYSTEM_NAMESPACE, '--wait']);
    await kubectl(['get', 'trafficpolicies.remora.dev', '-n', ns, 'kept']);
    assert.equal(await caSecret(), secret);
    for (const gone of [
      ['mutatingwebhookconfiguration', 'remora-injector'],
      ['clusterrole', 'remora-control-plane'],
      ['clusterrolebinding', 'remora-injector'],
      ['deployment', '-n', SYSTEM_NAMESPACE, 'remora-control-plane'],
    ]) {
      await assert.rejects(kubectl(['get', ...gone]), /NotFound/);
    }
  });

  test('can be undone: the next installation takes over what was kept', async () => {
    const secret = await caSecret();
    await installChart();
    await rolledOut(SYSTEM_NAMESPACE, ...DEPLOYMENTS);
    assert.equal(await caSecret(), secret);
    await kubectl(['get', 'trafficpolicies.remora.dev', '-n', ns, 'kept']);
  });

  after(async () => {
    await helm(['uninstall', 'remora', '--namespace', SYSTEM_NAMESPACE, '--wait']);
    await kubectl(['delete', 'namespace', SYSTEM_NAMESPACE, '--timeout=120s']);
  });

  function caSecret(): Promise<string> {
    return kubectl([
      'get',
      'secret',
      '-n',
      SYSTEM_NAMESPACE,
      'remora-ca',
      '-o',
      'jsonpath={.data}',
    ]);
  }
});
