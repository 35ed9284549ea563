import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { apply, kubectl, rolledOut } from './harness/kubectl.ts';
import { loadCount, startLoad } from './harness/load.ts';
import { until } from './harness/poll.ts';
import { prepare, useMesh, useNamespace } from './harness/topic.ts';
import { PROGRAM, workload } from './harness/workloads.ts';

/** Programs that differ in what they do when they are told to end. */
const SERVERS = [
  {
    app: 'patient',
    lameDuckSeconds: 2,
    does: 'that serves for two seconds more when it is told to end',
  },
  {
    app: 'abrupt',
    lameDuckSeconds: 0,
    // Without a mesh some of the requests would fail.
    does: 'that ends at once when it is told to',
  },
] as const;

describe('a rollout under load', () => {
  useMesh();
  const ns = useNamespace('e2e-rollout', { meshed: true });

  prepare(ns, async () => {
    for (const { app, lameDuckSeconds } of SERVERS) {
      await apply(
        await workload(ns, app, {
          ...PROGRAM.echo,
          replicas: 2,
          terminationGracePeriodSeconds: 20,
          env: { LAME_DUCK_SECONDS: String(lameDuckSeconds) },
        }),
      );
    }
    for (const { app } of SERVERS) {
      await rolledOut(ns, `deployment/${app}`);
      await startLoad(ns, `load-${app}`, `http://${app}:8080/`, 40);
    }
  });

  for (const { app, does } of SERVERS) {
    test(`of a program ${does} loses no request`, async (t) => {
      const load = `load-${app}`;
      const before = await loadCount(ns, load);
      assert.equal(before.failures, 0, before.reasons.join('\n'));
      await kubectl(['rollout', 'restart', '-n', ns, `deployment/${app}`]);
      await rolledOut(ns, `deployment/${app}`);
      await until('the old pods are gone', async () =>
        (await countPods(app)) === 2 ? true : undefined,
      );
      const gone = await loadCount(ns, load);
      const after = await until('requests went on', async () => {
        const count = await loadCount(ns, load);
        return count.requests > gone.requests + 50 ? count : undefined;
      });
      t.diagnostic(
        `${after.requests - before.requests} requests during the rollout, the slowest took ${after.slowest} s`,
      );
      assert.equal(after.failures, 0, after.reasons.join('\n'));
    });
  }

  async function countPods(app: string): Promise<number> {
    const names = await kubectl(['get', 'pods', '-n', ns, '-l', `app=${app}`, '-o', 'name']);
    return names.trim().split('\n').length;
  }
});
