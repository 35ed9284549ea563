import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PORT } from '../../proto/well-known.ts';
import {
  apply,
  execute,
  getJson,
  kubectl,
  type Pod,
  podsOf,
  rolledOut,
} from './harness/kubectl.ts';
import { until } from './harness/poll.ts';
import { prepare, useMesh, useNamespace } from './harness/topic.ts';
import { workload } from './harness/workloads.ts';

const LEASE_SECONDS = 5;

/** What `GET /v1/leader` says, with the status beside it. */
interface Answer {
  status: number;
  leader: string;
  isLeader: boolean;
  fencingToken: number;
}

/** A line a tenth of a second from each candidate: when it believes that it leads, and by which token. */
const WATCH = `
import json, sys, time, urllib.request
while True:
    asked = time.time()
    try:
        with urllib.request.urlopen("http://127.0.0.1:${PORT.localApi}/v1/leader", timeout=2) as answer:
            status, said = answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        status, said = error.code, {}
    except OSError:
        status, said = 0, {}
    if status == 200:
        print(json.dumps({"at": asked, "said": said}), flush=True)
    time.sleep(0.1)
`;

describe('leader election', () => {
  useMesh();
  const ns = useNamespace('e2e-election', { meshed: true });

  prepare(ns, async () => {
    await apply([
      ...(await workload(ns, 'worker', {
        command: ['python3', '-c', WATCH],
        replicas: 3,
        terminationGracePeriodSeconds: 2,
      })),
      {
        apiVersion: 'remora.dev/v1alpha1',
        kind: 'LeaderElection',
        metadata: { name: 'worker', namespace: ns },
        spec: {
          selector: { matchLabels: { app: 'worker' } },
          leaseDuration: `${LEASE_SECONDS}s`,
        },
      },
    ]);
    await rolledOut(ns, 'deployment/worker');
  });

  test('one of the candidates leads, and every one of them says who', async () => {
    const leader = await until('there is a leader', currentLeader);
    const pods = await podsOf(ns, 'worker');
    assert.equal(pods.length, 3);
    for (const pod of pods) {
      const answer = await until('the candidate knows the leader', async () => {
        const said = await ask(pod);
        return said.leader === leader.name ? said : undefined;
      });
      assert.equal(answer.isLeader, pod.metadata.name === leader.name);
      assert.equal(answer.status, answer.isLeader ? 200 : 423);
      const old = await execute(target(pod), ['curl', '-sS', `http://127.0.0.1:${PORT.localApi}/`]);
      assert.equal((JSON.parse(old) as { name: string }).name, leader.name);
    }
  });

  test('a leader that dies is replaced, by a higher token and without a moment of two', async (t) => {
    const before = await until('there is a leader', currentLeader);
    const doomed = (await podsOf(ns, 'worker')).find(
      ({ metadata }) => metadata.name === before.name,
    );
    assert.ok(doomed);
    const killedAt = performance.now();
    await kubectl([
      'delete',
      'pod',
      '-n',
      ns,
      doomed.metadata.name,
      '--grace-period=0',
      '--force',
      '--wait=false',
    ]);
    const after = await until(
      'another one leads',
      async () => {
        const leader = await currentLeader();
        return leader !== undefined && leader.name !== before.name ? leader : undefined;
      },
      { timeoutMs: (LEASE_SECONDS + 10) * 1000, intervalMs: 50 },
    );
    const seconds = (performance.now() - killedAt) / 1000;
    t.diagnostic(
      `the lease of ${LEASE_SECONDS} s moved ${seconds.toFixed(1)} s after kubectl delete began`,
    );
    assert.ok(after.token > before.token, `${after.token} after ${before.token}`);
    assert.ok(seconds < LEASE_SECONDS + 2 + 1, `${seconds} s`);

    // Let the new leader be seen, then read what the candidates believed.
    await until('the new leader knows that it leads', async () => {
      const pod = (await podsOf(ns, 'worker')).find(({ metadata }) => metadata.name === after.name);
      return pod !== undefined && (await ask(pod)).isLeader ? true : undefined;
    });
    const claims = await claimsOfLeadership();
    assert.ok(claims.length > 0);
    for (const [index, claim] of claims.entries()) {
      const next = claims[index + 1];
      if (next === undefined) continue;
      assert.ok(
        next.token >= claim.token,
        `${next.pod} claimed token ${next.token} after ${claim.pod} had ${claim.token}`,
      );
      if (next.pod !== claim.pod) assert.ok(next.token > claim.token);
    }
  });

  test('shows leader and token in the status, and holds a Lease', async () => {
    const leader = await until('there is a leader', currentLeader);
    const shown = await until('the status has caught up', async () => {
      const { status } = await getJson<{ status?: { leader?: string; fencingToken?: number } }>([
        'leaderelection',
        '-n',
        ns,
        'worker',
      ]);
      return status?.leader === leader.name ? status : undefined;
    });
    assert.equal(shown.fencingToken, leader.token);
    const table = await kubectl(['get', 'leaderelection', '-n', ns]);
    assert.match(table, /LEADER\s+TOKEN/);
    const { items } = await getJson<{ items: { spec: { holderIdentity?: string } }[] }>([
      'leases.coordination.k8s.io',
      '-n',
      ns,
    ]);
    assert.deepEqual(
      items.map(({ spec }) => spec.holderIdentity),
      [leader.name],
    );
  });

  /** The candidate that answers that it leads. */
  async function currentLeader(): Promise<{ name: string; token: number } | undefined> {
    for (const pod of await podsOf(ns, 'worker')) {
      const answer = await ask(pod).catch(() => undefined);
      if (answer?.isLeader) return { name: pod.metadata.name, token: answer.fencingToken };
    }
    return undefined;
  }

  async function ask(pod: Pod): Promise<Answer> {
    const url = `http://127.0.0.1:${PORT.localApi}/v1/leader`;
    const said = await execute(target(pod), ['curl', '-sS', '-w', '\n%{http_code}', url]);
    const [body = '{}', status = '0'] = said.trim().split('\n');
    return { ...(JSON.parse(body) as Omit<Answer, 'status'>), status: Number(status) };
  }

  async function claimsOfLeadership(): Promise<{ at: number; pod: string; token: number }[]> {
    const claims = [];
    for (const pod of await podsOf(ns, 'worker')) {
      const log = await kubectl(['logs', '-n', ns, pod.metadata.name, '-c', 'app']);
      for (const line of log.split('\n').filter((text) => text.startsWith('{'))) {
        const { at, said } = JSON.parse(line) as { at: number; said: Answer };
        claims.push({ at, pod: pod.metadata.name, token: said.fencingToken });
      }
    }
    return claims.sort((a, b) => a.at - b.at);
  }

  function target(pod: Pod): { namespace: string; pod: string; container: string } {
    return { namespace: ns, pod: pod.metadata.name, container: 'app' };
  }
});
