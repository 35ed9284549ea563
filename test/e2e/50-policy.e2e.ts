import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { CommandError } from './harness/command.ts';
import { type Echo, fetchFrom, fetchOnce } from './harness/http.ts';
import { PROJECT } from './harness/images.ts';
import { apply, getJson, kubectl, type Manifest, rolledOut } from './harness/kubectl.ts';
import { until } from './harness/poll.ts';
import { prepare, useMesh, useNamespace } from './harness/topic.ts';
import { PROGRAM, service, workload } from './harness/workloads.ts';

interface Condition {
  type: string;
  status: string;
  reason: string;
  message: string;
  observedGeneration?: number;
}

describe('policies', () => {
  useMesh();
  const ns = useNamespace('e2e-policy', { meshed: true });
  const client = 'deployment/client';

  prepare(ns, async () => {
    await apply([
      ...(await workload(ns, 'client', PROGRAM.idle)),
      ...(await workload(ns, 'shop', { ...PROGRAM.echo, env: { VERSION: 'v0' } })),
      ...(await workload(ns, 'shop-v1', { ...PROGRAM.echo, env: { VERSION: 'v1' } })),
      ...(await workload(ns, 'shop-v2', { ...PROGRAM.echo, env: { VERSION: 'v2' } })),
      ...(await workload(ns, 'flaky', PROGRAM.echo)),
    ]);
    await rolledOut(
      ns,
      ...['client', 'shop', 'shop-v1', 'shop-v2', 'flaky'].map((name) => `deployment/${name}`),
    );
  });

  /** Versions that answered, each with how often. */
  async function versions(
    path: string,
    count: number,
    headers: Record<string, string> = {},
  ): Promise<Record<string, number>> {
    const answers = await fetchFrom(ns, client, `http://shop:8080${path}`, {
      count,
      headers,
      keep: true,
    });
    const found: Record<string, number> = {};
    for (const { status, body, error } of answers) {
      const key = status === 200 ? (body as Echo).version : `${status}${error}`;
      found[key] = (found[key] ?? 0) + 1;
    }
    return found;
  }

  test('without a route a service answers itself', async () => {
    assert.deepEqual(await versions('/', 5), { v0: 5 });
  });

  test('the weights of an HTTPRoute are obeyed, and new ones within moments', async (t) => {
    await apply([
      shopRoute(ns, [{ backendRefs: [backend('shop-v1', 100), backend('shop-v2', 0)] }]),
    ]);
    await until('v1 takes all', async () =>
      Object.keys(await versions('/', 5)).join() === 'v1' ? true : undefined,
    );
    const split = shopRoute(ns, [
      { backendRefs: [backend('shop-v1', 75), backend('shop-v2', 25)] },
    ]);
    await apply([split]);
    await until('v2 takes a share', async () =>
      (await versions('/', 20)).v2 !== undefined ? true : undefined,
    );
    const counts = await versions('/', 400);
    assert.deepEqual(Object.keys(counts).sort(), ['v1', 'v2']);
    const share = (counts.v2 ?? 0) / 400;
    assert.ok(share > 0.15 && share < 0.35, `v2 took ${share} of the requests`);

    t.diagnostic(await describeChange('shop', 'v0'));
  });

  test('a change among 200 services is in force as soon', async (t) => {
    const names = Array.from({ length: 200 }, (_, i) => `one-of-many-${i}`);
    const many = names.map((name) => {
      const ports = { port: 8080, targetPort: 8080 };
      const made = service(ns, name, { ...ports, selector: { app: 'shop-v1' } });
      return { ...made, metadata: { ...made.metadata, labels: { many: 'yes' } } };
    });
    try {
      await apply(many);
      const last = names.at(-1);
      await until('the last of them answers', async () => {
        const { status } = await fetchOnce(ns, client, `http://${last}:8080/`);
        return status === 200 ? true : undefined;
      });
      for (const version of ['v1', 'v2', 'v0']) {
        t.diagnostic(await describeChange(version === 'v0' ? 'shop' : `shop-${version}`, version));
      }
    } finally {
      await kubectl(['delete', 'services', '-n', ns, '-l', 'many=yes', '--wait=false']);
    }
  });

  /**
   * Sends the service's requests to another backend, and says how long that takes.
   * One process in the pod watches for it, so that the time of kubectl exec is not in it.
   */
  async function describeChange(to: string, version: string): Promise<string> {
    const watching = fetchFrom(ns, client, 'http://shop:8080/', {
      keep: true,
      count: 3000,
      intervalSeconds: 0.01,
      untilText: `"version": "${version}"`,
    });
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const appliedAt = Date.now() / 1000;
    await apply([shopRoute(ns, [{ backendRefs: [backend(to, 1)] }])]);
    const kubectlSeconds = Date.now() / 1000 - appliedAt;
    const answers = await watching;
    const last = answers.at(-1);
    assert.ok(last);
    assert.equal((last.body as Echo).version, version);
    assert.ok(answers.length > 1, 'it was so before');
    assert.deepEqual(
      answers.filter(({ status }) => status !== 200),
      [],
    );
    return `from the start of kubectl apply (which took ${kubectlSeconds.toFixed(2)} s) to the first request by the new route: ${(last.at - appliedAt).toFixed(2)} s`;
  }

  test('path and header matches of an HTTPRoute pick the backend; what matches nothing gets 404', async () => {
    await apply([
      shopRoute(ns, [
        {
          matches: [{ path: { type: 'Exact', value: '/exact' } }],
          backendRefs: [backend('shop-v1', 1)],
        },
        {
          matches: [{ path: { type: 'PathPrefix', value: '/prefix' } }],
          backendRefs: [backend('shop-v2', 1)],
        },
        {
          matches: [
            {
              path: { type: 'PathPrefix', value: '/prefix' },
              headers: [{ name: 'x-user', value: 'a' }],
            },
          ],
          backendRefs: [backend('shop', 1)],
        },
      ]),
    ]);
    await until('the rules are in force', async () =>
      (await versions('/other', 1))['404'] === 1 ? true : undefined,
    );
    assert.deepEqual(await versions('/exact', 3), { v1: 3 });
    assert.deepEqual(await versions('/exact/no', 3), { 404: 3 });
    assert.deepEqual(await versions('/prefix', 3), { v2: 3 });
    assert.deepEqual(await versions('/prefix/below', 3), { v2: 3 });
    assert.deepEqual(await versions('/prefixed', 3), { 404: 3 });
    assert.deepEqual(await versions('/prefix', 3, { 'x-user': 'a' }), { v0: 3 });
    assert.deepEqual(await versions('/prefix', 3, { 'x-user': 'b' }), { v2: 3 });
  });

  test('an accepted route says so in its status, for the generation that was read', async () => {
    const route = await until('the route has a status', async () => {
      const object = await getJson<{
        metadata: { generation: number };
        status?: { parents?: { controllerName: string; conditions: Condition[] }[] };
      }>(['httproute', '-n', ns, 'shop']);
      const [parent] = object.status?.parents ?? [];
      const accepted = parent?.conditions.find(({ type }) => type === 'Accepted');
      return accepted?.observedGeneration === object.metadata.generation ? object : undefined;
    });
    const [parent] = route.status?.parents ?? [];
    assert.equal(parent?.controllerName, 'remora.dev/mesh');
    assert.deepEqual(parent?.conditions.map(({ type, status }) => [type, status]).sort(), [
      ['Accepted', 'True'],
      ['ResolvedRefs', 'True'],
    ]);
  });

  test('a backend that does not exist gets its share answered with 500 and the status says which', async () => {
    await apply([shopRoute(ns, [{ backendRefs: [backend('nowhere', 1)] }])]);
    await until('requests are answered with 500', async () =>
      (await versions('/', 1))['500'] === 1 ? true : undefined,
    );
    const message = await until('the status names it', async () => {
      const { status } = await getJson<{ status?: { parents?: { conditions: Condition[] }[] } }>([
        'httproute',
        '-n',
        ns,
        'shop',
      ]);
      return status?.parents?.[0]?.conditions.find(
        ({ type, status }) => type === 'ResolvedRefs' && status === 'False',
      );
    });
    assert.equal(message.reason, 'BackendNotFound');
    assert.match(message.message, /nowhere/);
    await kubectl(['delete', 'httproute', '-n', ns, 'shop']);
    await until('the service answers itself again', async () =>
      (await versions('/', 3)).v0 === 3 ? true : undefined,
    );
  });

  test('retries of a TrafficPolicy hide failures, and end with it', async (t) => {
    const once = await fetchOnce(ns, client, 'http://flaky:8080/flaky/before/1');
    assert.equal(once.status, 503);
    await apply([
      policy(ns, 'flaky', {
        retries: { attempts: 3, statusCodes: [503], backoff: { base: '1ms', max: '5ms' } },
      }),
    ]);
    const appliedAt = performance.now();
    let round = 0;
    await until('a failing request is tried again', async () => {
      round += 1;
      const answer = await fetchOnce(ns, client, `http://flaky:8080/flaky/with-${round}/2`);
      return answer.status === 200 ? true : undefined;
    });
    t.diagnostic(
      `retries were in force ${((performance.now() - appliedAt) / 1000).toFixed(2)} s after kubectl apply, kubectl exec included`,
    );
    const tooOften = await fetchOnce(ns, client, 'http://flaky:8080/flaky/too-often/9');
    assert.equal(tooOften.status, 503);
    const { seconds } = await fetchOnce(ns, client, 'http://flaky:8080/flaky/after-four/3');
    assert.ok(seconds < 5);

    await kubectl(['delete', 'trafficpolicies.remora.dev', '-n', ns, 'flaky']);
    await until('failures show again', async () => {
      round += 1;
      const answer = await fetchOnce(ns, client, `http://flaky:8080/flaky/without-${round}/1`);
      return answer.status === 503 ? true : undefined;
    });
  });

  test('the request timeout of a TrafficPolicy ends a slow request with 504 and the reason', async () => {
    const slow = await fetchOnce(ns, client, 'http://flaky:8080/delay/1');
    assert.equal(slow.status, 200, slow.error);
    await apply([policy(ns, 'flaky', { timeouts: { request: '300ms' } })]);
    const cut = await until('the timeout is in force', async () => {
      const answer = await fetchOnce(ns, client, 'http://flaky:8080/delay/3');
      return answer.status === 200 ? undefined : answer;
    });
    assert.equal(cut.status, 504);
    assert.match(cut.headers['x-remora-error'] ?? '', /timeout/);
    assert.ok(cut.seconds >= 0.3 && cut.seconds < 2.5, `${cut.seconds} s`);
    const quick = await fetchOnce(ns, client, 'http://flaky:8080/');
    assert.equal(quick.status, 200);
    await kubectl(['delete', 'trafficpolicies.remora.dev', '-n', ns, 'flaky']);
  });

  test('a policy for a service that does not exist is not accepted, and takes nothing down', async () => {
    await apply([policy(ns, 'missing', { timeouts: { request: '1s' } })]);
    const accepted = await until('the status says so', async () => {
      const { status } = await getJson<{
        status?: { conditions?: Condition[] };
      }>(['trafficpolicies.remora.dev', '-n', ns, 'missing']);
      return status?.conditions?.find(
        ({ type, status }) => type === 'Accepted' && status === 'False',
      );
    });
    assert.match(accepted.message, /missing/);
    assert.deepEqual(await versions('/', 3), { v0: 3 });
  });

  test('malformed objects are refused by the API server, or not accepted with the reason', async (t) => {
    const folder = join(PROJECT, 'test/e2e/fixtures/invalid');
    const files = (await readdir(folder)).filter((name) => name.endsWith('.yaml'));
    assert.ok(files.length > 0);
    for (const file of files) {
      const text = await readFile(join(folder, file), 'utf8');
      const says = /^# expect: (.+)$/m.exec(text)?.[1];
      assert.ok(says, `${file} needs a line "# expect: <part of the message>"`);
      for (const document of parseAllDocuments(text)) {
        const object = document.toJS() as Manifest;
        await t.test(file, async () => {
          object.metadata.namespace = ns;
          const refusal = await apply([object]).then(
            () => undefined,
            (error: unknown) => error,
          );
          if (refusal !== undefined) {
            assert.ok(refusal instanceof CommandError);
            assert.ok(refusal.message.includes(says), refusal.message);
            return;
          }
          const accepted = await until(`${file} is not accepted`, () =>
            notAccepted(object.kind, ns, object.metadata.name),
          );
          assert.ok(accepted.message.includes(says), accepted.message);
        });
      }
    }
  });
});

/** By full name: another group may have kinds of these names. */
const KINDS: Readonly<Record<string, string>> = {
  TrafficPolicy: 'trafficpolicies.remora.dev',
  LeaderElection: 'leaderelections.remora.dev',
  FaultPolicy: 'faultpolicies.remora.dev',
  RateLimitPolicy: 'ratelimitpolicies.remora.dev',
  ExternalService: 'externalservices.remora.dev',
  HTTPRoute: 'httproutes.gateway.networking.k8s.io',
  GRPCRoute: 'grpcroutes.gateway.networking.k8s.io',
};

/** The first condition `Accepted: False` of an object, wherever its kind keeps it. */
async function notAccepted(
  kind: string,
  namespace: string,
  name: string,
): Promise<Condition | undefined> {
  const { status } = await getJson<{
    status?: { conditions?: Condition[]; parents?: { conditions: Condition[] }[] };
  }>([KINDS[kind] ?? kind, '-n', namespace, name]);
  const conditions = [
    ...(status?.conditions ?? []),
    ...(status?.parents ?? []).flatMap((parent) => parent.conditions),
  ];
  return conditions.find(({ type, status }) => type === 'Accepted' && status === 'False');
}

function shopRoute(namespace: string, rules: readonly Record<string, unknown>[]): Manifest {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: 'shop', namespace },
    spec: { parentRefs: [{ group: '', kind: 'Service', name: 'shop', port: 8080 }], rules },
  };
}

function backend(name: string, weight: number): Record<string, unknown> {
  return { name, port: 8080, weight };
}

/** A TrafficPolicy named as the Service that it is for. */
function policy(namespace: string, service: string, spec: Record<string, unknown>): Manifest {
  return {
    apiVersion: 'remora.dev/v1alpha1',
    kind: 'TrafficPolicy',
    metadata: { name: service, namespace },
    spec: { targetRefs: [{ group: '', kind: 'Service', name: service }], ...spec },
  };
}
