import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { apply, kubectl, podsOf, rolledOut } from './harness/kubectl.ts';
import { loadCount, startLoad } from './harness/load.ts';
import { until } from './harness/poll.ts';
import { prepare, useMesh, useNamespace } from './harness/topic.ts';
import { PROGRAM, workload } from './harness/workloads.ts';

describe('a rollout under load', () => {
  useMesh();
  const ns = useNamespace('e2e-rollout', { meshed: true });

  prepare(ns, async () => {
    await apply(
      await workload(ns, 'web', {
        ...PROGRAM.echo,
        replicas: 2,
        terminationGracePeriodSeconds: 20,
        // It ends at once when it is told to. Without a mesh some requests would fail then.
        env: { LAME_DUCK_SECONDS: '0' },
      }),
    );
    await rolledOut(ns, 'deployment/web');
    await startLoad(ns, 'load', 'http://web:8080/', 15);
  });

  test('of a meshed Deployment loses no request of a meshed client', async (t) => {
    const before = await loadCount(ns, 'load');
    assert.equal(before.failures, 0, before.reasons.join('\n'));
    await kubectl(['rollout', 'restart', '-n', ns, 'deployment/web']);
    await rolledOut(ns, 'deployment/web');
    await until('the old pods are gone', async () => ((await allPods()) === 2 ? true : undefined), {
      timeoutMs: 90_000,
    });
    const after = await until('requests went on', async () => {
      const count = await loadCount(ns, 'load');
      return count.requests > before.requests + 50 ? count : undefined;
    });
    t.diagnostic(
      `${after.requests - before.requests} requests during the rollout, the slowest took ${after.slowest} s`,
    );
    assert.equal(after.failures, 0, after.reasons.join('\n'));
  });

  async function allPods(): Promise<number> {
    const names = await kubectl(['get', 'pods', '-n', ns, '-l', 'app=web', '-o', 'name']);
    return names.trim().split('\n').length;
  }

  test('leaves pods that are all ready', async () => {
    const pods = await podsOf(ns, 'web');
    assert.equal(pods.length, 2);
    assert.ok(pods.every(({ status }) => status.containerStatuses?.every(({ ready }) => ready)));
  });
});
