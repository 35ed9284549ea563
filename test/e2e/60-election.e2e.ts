import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CONTAINER, CONTROL_PLANE_NAME, PORT, SYSTEM_NAMESPACE } from '../../proto/well-known.ts';
import { CommandError } from './harness/command.ts';
import {
  apply,
  execute,
  getJson,
  kubectl,
  nodeOf,
  type Pod,
  podsOf,
  rolledOut,
} from './harness/kubectl.ts';
import { NodeShell } from './harness/node-shell.ts';
import { until } from './harness/poll.ts';
import { prepare, useMesh, useNamespace } from './harness/topic.ts';
import { workload } from './harness/workloads.ts';

const LEASE_SECONDS = 5;
const CONTROL_PLANE = `deployment/${CONTROL_PLANE_NAME}`;

/** That a pod was told to lead: the moment lies between the two times, in seconds of one clock. */
interface Claim {
  pod: string;
  asked: number;
  answered: number;
  term: number;
}

/** What `GET /v1/leader` says, with the status beside it. */
interface Answer {
  status: number;
  leader: string;
  isLeader: boolean;
  /** The fencing token. */
  term: number;
}

/** A candidate that notes, ten times a second, that it was told to lead: when, and by which token. */
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
        print(json.dumps({"asked": asked, "answered": time.time(), "term": said["term"]}), flush=True)
    time.sleep(0.1)
`;

describe('leader election', () => {
  useMesh();
  const ns = useNamespace('e2e-election', { meshed: true });
  const node = new NodeShell(ns);

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
    await node.start(await nodeOf(ns, 'worker'));
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
    const doomedLog = kubectl(['logs', '-f', '-n', ns, doomed.metadata.name, '-c', 'app']).catch(
      (error: unknown) => (error instanceof CommandError ? error.stdout : ''),
    );
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

    await until('the new leader knows that it leads', async () =>
      (await claims()).some(({ pod }) => pod === after.name) ? true : undefined,
    );
    assertNeverTwo([...claimsIn(doomed.metadata.name, await doomedLog), ...(await claims())]);
  });

  test('a leader whose sidecar stands still for longer than the lease does not lead when it wakes', async (t) => {
    const before = await until('there is a leader', currentLeader);
    const paused = (await podsOf(ns, 'worker')).find(
      ({ metadata }) => metadata.name === before.name,
    );
    const sidecar = paused?.status.initContainerStatuses?.find(
      ({ name }) => name === CONTAINER.proxy,
    );
    assert.ok(paused && sidecar);
    await node.signal(sidecar, 'STOP');
    const after = await until(
      'another one leads',
      async () => {
        const others = (await podsOf(ns, 'worker')).filter(
          ({ metadata }) => metadata.name !== before.name,
        );
        for (const pod of others) {
          const answer = await ask(pod).catch(() => undefined);
          if (answer?.isLeader) return { name: pod.metadata.name, token: answer.term };
        }
        return undefined;
      },
      { timeoutMs: (LEASE_SECONDS + 10) * 1000 },
    ).finally(() => node.signal(sidecar, 'CONT'));
    t.diagnostic(`token ${after.token} after ${before.token}`);
    assert.ok(after.token > before.token);
    const woken = await until('the woken sidecar knows the new leader', async () => {
      const answer = await ask(paused);
      return answer.leader === after.name ? answer : undefined;
    });
    assert.equal(woken.status, 423);
    assertNeverTwo(await claims());
  });

  test('goes on over a restart of the whole control plane', async (t) => {
    const before = await until('there is a leader', currentLeader);
    await kubectl(['rollout', 'restart', '-n', SYSTEM_NAMESPACE, CONTROL_PLANE]);
    await rolledOut(SYSTEM_NAMESPACE, CONTROL_PLANE);
    const after = await until('there is a leader', currentLeader, {
      timeoutMs: (3 * LEASE_SECONDS + 10) * 1000,
    });
    t.diagnostic(
      `${after.name === before.name ? 'the same leader' : 'another leader'}, token ${after.token} after ${before.token}`,
    );
    assert.ok(after.token >= before.token);
    assertNeverTwo(await claims());
  });

  test('shows leader and token in the status, and holds a Lease', async () => {
    const leader = await until('there is a leader', currentLeader);
    const shown = await until('the status has caught up', async () => {
      const { status } = await getJson<{ status?: { leader?: string; fencingToken?: number } }>([
        'leaderelections.remora.dev',
        '-n',
        ns,
        'worker',
      ]);
      return status?.leader === leader.name ? status : undefined;
    });
    assert.equal(shown.fencingToken, leader.token);
    const table = await kubectl(['get', 'leaderelections.remora.dev', '-n', ns]);
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
      if (answer?.isLeader) return { name: pod.metadata.name, token: answer.term };
    }
    return undefined;
  }

  async function ask(pod: Pod): Promise<Answer> {
    const url = `http://127.0.0.1:${PORT.localApi}/v1/leader`;
    const said = await execute(target(pod), ['curl', '-sS', '-w', '\n%{http_code}', url]);
    const [body = '{}', status = '0'] = said.trim().split(/\n+/);
    return { ...(JSON.parse(body) as Omit<Answer, 'status'>), status: Number(status) };
  }

  /** What the candidates of now noted, as far as their logs go back. */
  async function claims(): Promise<Claim[]> {
    const pods = await podsOf(ns, 'worker');
    const all = await Promise.all(
      pods.map(async ({ metadata }) =>
        claimsIn(
          metadata.name,
          await kubectl(['logs', '-n', ns, metadata.name, '-c', 'app']).catch(() => ''),
        ),
      ),
    );
    return all.flat();
  }

  function target(pod: Pod): { namespace: string; pod: string; container: string } {
    return { namespace: ns, pod: pod.metadata.name, container: 'app' };
  }
});

/** Once a token was seen in force, a smaller one must never be used again, and a token is one pod's. */
function assertNeverTwo(claims: readonly Claim[]): void {
  const holders = new Map<number, string>();
  /** For each token, the earliest moment at which it was surely in force. */
  const inForce = new Map<number, number>();
  for (const { pod, term, answered } of claims) {
    assert.equal(holders.get(term) ?? pod, pod, `token ${term} was used by two pods`);
    holders.set(term, pod);
    inForce.set(term, Math.min(inForce.get(term) ?? answered, answered));
  }
  for (const claim of claims) {
    for (const [term, since] of inForce) {
      if (term <= claim.term) continue;
      assert.ok(
        claim.asked <= since,
        `${claim.pod} led by token ${claim.term} ${(claim.asked - since).toFixed(2)} s after token ${term} was in force`,
      );
    }
  }
}

function claimsIn(pod: string, log: string): Claim[] {
  return log
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => ({ pod, ...(JSON.parse(line) as Omit<Claim, 'pod'>) }));
}
