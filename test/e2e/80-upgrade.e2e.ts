import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { PORT, SYSTEM_NAMESPACE } from '../../proto/well-known.ts';
import { apply, getJson, kubectl, nodeOf, podOf, rolledOut } from './harness/kubectl.ts';
import { loadCount, startLoad } from './harness/load.ts';
import { CHART, DEPLOYMENTS, installChart } from './harness/mesh.ts';
import { NodeShell } from './harness/node-shell.ts';
import { until } from './harness/poll.ts';
import { prepare, useMesh, useNamespace } from './harness/topic.ts';
import { PROGRAM, workload } from './harness/workloads.ts';

describe('an upgrade of the chart', () => {
  useMesh();
  const ns = useNamespace('e2e-upgrade', { meshed: true });
  const node = new NodeShell(ns);

  prepare(ns, async () => {
    await apply(await workload(ns, 'web', PROGRAM.echo));
    await rolledOut(ns, 'deployment/web');
    await node.start(await nodeOf(ns, 'web'));
    await startLoad(ns, 'load', 'http://web:8080/');
  });

  test('done twice with the same values changes nothing: no Secret, no webhook, no pod', async () => {
    const before = await everythingOfOurs();
    await installChart();
    await installChart();
    await rolledOut(SYSTEM_NAMESPACE, ...DEPLOYMENTS);
    assert.deepEqual(await everythingOfOurs(), before);
  });

  test('that restarts every process keeps the CA and the certificates, and loses no request and no pod', async (t) => {
    const before = await everythingOfOurs();
    const admissions = admitPods();
    const issuerBefore = await issuer();
    await installChart({ values: ['logLevel=debug', 'controlPlane.podAnnotations.e2e=restarted'] });
    await rolledOut(SYSTEM_NAMESPACE, ...DEPLOYMENTS);
    await installChart();
    await rolledOut(SYSTEM_NAMESPACE, ...DEPLOYMENTS);
    const refused = await admissions.end();
    t.diagnostic(`${admissions.count} pods were admitted meanwhile`);
    assert.deepEqual(refused, []);
    const after = await everythingOfOurs();
    assert.notDeepEqual(after.pods, before.pods);
    assert.equal(after.ca, before.ca);
    assert.equal(after.caBundle, before.caBundle);
    assert.match(issuerBefore, /^issuer=/);
    assert.equal(await issuer(), issuerBefore);

    // New pods are injected and get certificates of the same authority.
    await kubectl(['rollout', 'restart', '-n', ns, 'deployment/web']);
    await rolledOut(ns, 'deployment/web');
    const count = await loadCount(ns, 'load');
    t.diagnostic(`${count.requests} requests, the slowest took ${count.slowest} s`);
    assert.equal(count.failures, 0, count.reasons.join('\n'));
  });

  test('brings a changed definition of our kinds, and the old one back', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'remora-chart-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    await cp(CHART, folder, { recursive: true });
    const file = join(folder, 'files/crds/remora.dev_trafficpolicies.yaml');
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace('shortNames:\n', 'shortNames:\n      - e2etp\n'));
    await installChart({ chart: folder });
    await until('the new short name is known', () => kubectl(['get', '-n', ns, 'e2etp']));
    await installChart();
    assert.ok(!(await definition()).includes('e2etp'));
  });

  /** Has the API server ask the injector about a pod, again and again. */
  function admitPods(): { count: number; end(): Promise<string[]> } {
    const refused: string[] = [];
    let ended = false;
    const pod = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'probe', namespace: ns },
      spec: { containers: [{ name: 'app', image: 'none' }] },
    });
    const run = async () => {
      while (!ended) {
        await kubectl(['create', '--dry-run=server', '-f', '-'], { input: pod }).catch(
          (error: unknown) => refused.push(String(error)),
        );
        admissions.count += 1;
      }
      return refused;
    };
    const running = run();
    const admissions = {
      count: 0,
      end: () => {
        ended = true;
        return running;
      },
    };
    return admissions;
  }

  /** Who issued the certificate that the pod shows. */
  async function issuer(): Promise<string> {
    const { podIP } = (await podOf(ns, 'web')).status;
    return node.run(
      `openssl s_client -connect ${podIP}:${PORT.trunk} -alpn h2 -servername trunk.remora.dev </dev/null 2>/dev/null | openssl x509 -noout -issuer`,
    );
  }
});

interface Ours {
  ca: string;
  caBundle: string;
  webhook: number;
  pods: string[];
  definitions: string;
}

/** What an upgrade must not touch, in a form that shows any change. */
async function everythingOfOurs(): Promise<Ours> {
  const [secret, webhook, pods] = await Promise.all([
    getJson<{ data: Record<string, string> }>(['secret', '-n', SYSTEM_NAMESPACE, 'remora-ca']),
    getJson<{
      metadata: { generation: number };
      webhooks: { clientConfig: { caBundle?: string } }[];
    }>(['mutatingwebhookconfiguration', 'remora-injector']),
    kubectl(['get', 'pods', '-n', SYSTEM_NAMESPACE, '-o', 'name']),
  ]);
  return {
    ca: JSON.stringify(secret.data),
    caBundle: webhook.webhooks[0]?.clientConfig.caBundle ?? '',
    webhook: webhook.metadata.generation,
    pods: pods.trim().split('\n').sort(),
    definitions: await definition(),
  };
}

function definition(): Promise<string> {
  return kubectl(['get', 'crd', 'trafficpolicies.remora.dev', '-o', 'jsonpath={.spec}']);
}
