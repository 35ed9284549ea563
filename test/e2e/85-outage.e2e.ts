import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { CONTAINER, CONTROL_PLANE_NAME, SYSTEM_NAMESPACE } from '../../proto/well-known.ts';
import { fetchOnce } from './harness/http.ts';
import { apply, kubectl, nodeOf, type Pod, podOf, rolledOut } from './harness/kubectl.ts';
import { loadCount, startLoad } from './harness/load.ts';
import { NodeShell } from './harness/node-shell.ts';
import { until } from './harness/poll.ts';
import { scaleToZero } from './harness/scale.ts';
import { prepare, useMesh, useNamespace } from './harness/topic.ts';
import { PROGRAM, workload } from './harness/workloads.ts';

const OUTAGE_SECONDS = Number(process.env.E2E_OUTAGE_SECONDS ?? '120');

describe('without a control plane', () => {
  useMesh();
  const ns = useNamespace('e2e-outage', { meshed: true });
  const node = new NodeShell(ns);

  prepare(ns, async () => {
    await apply([
      ...(await workload(ns, 'web', { ...PROGRAM.echo, replicas: 2 })),
      ...(await workload(ns, 'seldom', PROGRAM.nginx)),
      ...(await workload(ns, 'restarted', PROGRAM.echo)),
      ...(await workload(ns, 'client', PROGRAM.idle)),
    ]);
    await rolledOut(ns, ...['web', 'seldom', 'restarted', 'client'].map((n) => `deployment/${n}`));
    await node.start(await nodeOf(ns, 'restarted'));
    await startLoad(ns, 'load', 'http://web:8080/', 10);
    for (const url of ['http://seldom/', 'http://restarted:8080/']) {
      assert.equal((await fetchOnce(ns, 'deployment/client', url)).status, 200);
    }
  });

  test(`no request fails for ${OUTAGE_SECONDS} s, and a sidecar that is killed meanwhile serves on`, async (t) => {
    const before = await loadCount(ns, 'load');
    t.after(await scaleToZero(SYSTEM_NAMESPACE, CONTROL_PLANE_NAME));
    const startedAt = performance.now();

    // The sidecars of a server and of a client are killed; their programs stay.
    for (const app of ['restarted', 'client']) {
      const killed = proxyStatus(await podOf(ns, app));
      assert.ok(killed);
      await node.signal(killed, 'KILL');
      await until(
        `the sidecar of ${app} is back`,
        async () => {
          const status = proxyStatus(await podOf(ns, app));
          return status !== undefined && status.restartCount > killed.restartCount && status.ready
            ? true
            : undefined;
        },
        { timeoutMs: 60_000 },
      );
    }
    const restarted = await until('the restarted pod serves', async () => {
      const answer = await fetchOnce(ns, 'deployment/client', 'http://restarted:8080/');
      return answer.status === 200 ? answer : undefined;
    });
    assert.equal(restarted.status, 200);

    while (performance.now() - startedAt < OUTAGE_SECONDS * 1000) await sleep(1_000);
    // A service that was used once, two minutes ago.
    const seldom = await fetchOnce(ns, 'deployment/client', 'http://seldom/');
    assert.equal(seldom.status, 200, seldom.error);
    const after = await loadCount(ns, 'load');
    t.diagnostic(
      `${after.requests - before.requests} requests in ${((performance.now() - startedAt) / 1000).toFixed(0)} s without a control plane, the slowest took ${after.slowest} s`,
    );
    assert.ok(after.requests - before.requests > OUTAGE_SECONDS * 10);
    assert.equal(after.failures, 0, after.reasons.join('\n'));
  });

  test('afterwards pushes arrive again', async () => {
    const { metadata } = await podOf(ns, 'seldom');
    await kubectl(['delete', 'pod', '-n', ns, metadata.name, '--wait=false']);
    await rolledOut(ns, 'deployment/seldom');
    await until('the new pod is called', async () => {
      const pod = await podOf(ns, 'seldom');
      const answer = await fetchOnce(ns, 'deployment/client', 'http://seldom/');
      return pod.metadata.name !== metadata.name && answer.status === 200 ? true : undefined;
    });
    const count = await loadCount(ns, 'load');
    assert.equal(count.failures, 0, count.reasons.join('\n'));
  });
});

function proxyStatus(pod: Pod) {
  return pod.status.initContainerStatuses?.find(({ name }) => name === CONTAINER.proxy);
}
