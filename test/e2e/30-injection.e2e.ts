import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  CONTAINER,
  INJECTOR_NAME,
  SIDECAR_LABEL,
  SYSTEM_NAMESPACE,
} from '../../proto/well-known.ts';
import { reference, workloadImage } from './harness/images.ts';
import {
  apply,
  getJson,
  kubectl,
  type Manifest,
  type Pod,
  podOf,
  rolledOut,
} from './harness/kubectl.ts';
import { until } from './harness/poll.ts';
import { scaleToZero } from './harness/scale.ts';
import { prepare, useMesh, useNamespace } from './harness/topic.ts';
import { PROGRAM, workload } from './harness/workloads.ts';

describe('injection', () => {
  useMesh();
  const meshed = useNamespace('e2e-injection', { meshed: true });
  const plain = useNamespace('e2e-no-injection', { meshed: false });

  prepare(meshed, async () => {
    await apply([
      ...(await workload(meshed, 'in', PROGRAM.echo)),
      ...(await workload(meshed, 'out', {
        ...PROGRAM.echo,
        podLabels: { 'remora.dev/inject': 'disabled' },
      })),
      ...(await workload(meshed, 'out-by-annotation', {
        ...PROGRAM.echo,
        podAnnotations: { 'remora.dev/inject': 'disabled' },
      })),
      ...(await workload(plain, 'elsewhere', {
        ...PROGRAM.echo,
        podLabels: { 'remora.dev/inject': 'enabled' },
      })),
    ]);
    await rolledOut(meshed, 'deployment/in', 'deployment/out', 'deployment/out-by-annotation');
    await rolledOut(plain, 'deployment/elsewhere');
  });

  test('gives a pod of a labelled namespace a native sidecar that is ready before its program', async (t) => {
    const pod = await podOf(meshed, 'in');
    const init = pod.spec.initContainers ?? [];
    assert.deepEqual(
      init.map(({ name, restartPolicy }) => [name, restartPolicy]),
      [
        [CONTAINER.init, undefined],
        [CONTAINER.proxy, 'Always'],
      ],
    );
    assert.deepEqual(
      pod.spec.containers.map(({ name }) => name),
      ['app'],
    );
    assert.equal(pod.metadata.labels?.[SIDECAR_LABEL], 'enabled');
    assert.ok(pod.status.initContainerStatuses?.every(({ ready }) => ready));
    t.diagnostic(`admission took ${await meanAdmissionMs()} ms on average, by the API server`);
    t.diagnostic(await startUp(meshed, pod.metadata.name));
  });

  test('leaves alone a pod that opted out by label or annotation, and every other namespace', async () => {
    for (const [namespace, app] of [
      [meshed, 'out'],
      [meshed, 'out-by-annotation'],
      [plain, 'elsewhere'],
    ] as const) {
      const pod = await podOf(namespace, app);
      assert.deepEqual(pod.spec.initContainers ?? [], [], `${app} has init containers`);
      assert.equal(pod.metadata.labels?.[SIDECAR_LABEL], undefined);
    }
  });

  test("keeps the user's container as kubectl's default", async () => {
    const { metadata } = await podOf(meshed, 'in');
    const said = await kubectl(['exec', '-n', meshed, metadata.name, '--', 'cat', '/proc/1/comm']);
    assert.equal(said.trim(), 'python3');
    const logs = await kubectl(['logs', '-n', meshed, metadata.name]);
    assert.doesNotMatch(logs, /remora/);
  });

  test('tells a person why a pod cannot have a sidecar, and what to do', async () => {
    const pod = await barePod(meshed, 'clash', {
      spec: { ports: [{ containerPort: 15008 }] },
    });
    await assert.rejects(apply([pod]), (error: Error) => {
      assert.match(error.message, /admission webhook "injector\.remora\.dev" denied the request/);
      assert.match(error.message, /port 15008 of container app is taken by the sidecar/);
      assert.match(error.message, /label it remora\.dev\/inject: disabled/);
      return true;
    });
    await assert.rejects(
      apply([
        await barePod(meshed, 'bad-annotation', {
          annotations: { 'remora.dev/exclude-inbound-ports': '80,http' },
        }),
      ]),
      /remora\.dev\/exclude-inbound-ports/,
    );
  });

  test('admits a pod of the host network without a sidecar, and warns of it', async () => {
    const pod = await barePod(meshed, 'host-network', { pod: { hostNetwork: true } });
    const dryRun = ['apply', '--dry-run=server', '-f', '-'];
    const input = JSON.stringify(pod);
    const shown = await kubectl([...dryRun, '-o', 'json'], { input });
    assert.deepEqual((JSON.parse(shown) as Pod).spec.initContainers ?? [], []);
    await assert.rejects(
      kubectl([...dryRun, '--warnings-as-errors'], { input }),
      /Warning: .*no sidecar: the pod uses hostNetwork/,
    );
  });

  test('shows in a dry run what it would do, and does nothing', async () => {
    const pod = await barePod(meshed, 'dry-run', {});
    const shown = await kubectl(['apply', '--dry-run=server', '-o', 'json', '-f', '-'], {
      input: JSON.stringify(pod),
    });
    const names = (JSON.parse(shown) as Pod).spec.initContainers?.map(({ name }) => name);
    assert.deepEqual(names, [CONTAINER.init, CONTAINER.proxy]);
    await assert.rejects(kubectl(['get', 'pod', '-n', meshed, 'dry-run']), /NotFound/);
  });

  test('lets a Job complete, and a pod that ends take its sidecar along', async () => {
    await apply([
      {
        apiVersion: 'batch/v1',
        kind: 'Job',
        metadata: { name: 'once', namespace: meshed },
        spec: {
          backoffLimit: 0,
          template: {
            metadata: { labels: { app: 'once' } },
            spec: {
              restartPolicy: 'Never',
              containers: [
                {
                  name: 'app',
                  image: reference(await workloadImage()),
                  imagePullPolicy: 'IfNotPresent',
                  command: ['curl', '-sS', '--fail', '--max-time', '10', 'http://in:8080/'],
                },
              ],
            },
          },
        },
      },
    ]);
    const pod = await until(
      'the pod of the Job has ended',
      async () => {
        const candidate = await podOf(meshed, 'once');
        return ['Succeeded', 'Failed'].includes(candidate.status.phase) ? candidate : undefined;
      },
      { timeoutMs: 90_000 },
    );
    assert.equal(pod.status.phase, 'Succeeded');
    assert.equal(pod.spec.initContainers?.[1]?.name, CONTAINER.proxy);
    await kubectl(['wait', '-n', meshed, '--for=condition=Complete', 'job/once', '--timeout=30s']);
    const { status } = await getJson<{ status: { succeeded?: number } }>([
      'job',
      '-n',
      meshed,
      'once',
    ]);
    assert.equal(status.succeeded, 1);
  });

  test('without an injector makes pods of joined namespaces wait, and no others', async (t) => {
    const restore = await scaleToZero(SYSTEM_NAMESPACE, INJECTOR_NAME);
    t.after(restore);
    await assert.rejects(
      apply([await barePod(meshed, 'waits', {})]),
      /failed calling webhook "injector\.remora\.dev"/,
    );
    await apply([await barePod(plain, 'does-not-wait', {})]);
  });
});

/** Over all admissions since the API server started. */
async function meanAdmissionMs(): Promise<string> {
  const text = await kubectl(['get', '--raw', '/metrics']);
  const total = (suffix: string) => {
    const name = `apiserver_admission_webhook_admission_duration_seconds_${suffix}{name="injector.remora.dev"`;
    const lines = text.split('\n').filter((line) => line.startsWith(name));
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  };
  return ((1000 * total('sum')) / total('count')).toFixed(1);
}

/** How long the sidecar needed, by its own log. */
async function startUp(namespace: string, pod: string): Promise<string> {
  const log = await kubectl(['logs', '-n', namespace, pod, '-c', CONTAINER.proxy]);
  const at = (message: string) => {
    const line = log.split('\n').find((text) => text.includes(`"msg":"${message}"`));
    return line === undefined
      ? Number.NaN
      : Date.parse((JSON.parse(line) as { time: string }).time);
  };
  return `the sidecar was ready ${at('ready') - at('starting')} ms after its first line of log`;
}

async function barePod(
  namespace: string,
  name: string,
  more: {
    annotations?: Record<string, string>;
    spec?: Record<string, unknown>;
    pod?: Record<string, unknown>;
  },
): Promise<Manifest> {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, ...(more.annotations ? { annotations: more.annotations } : {}) },
    spec: {
      ...more.pod,
      containers: [
        {
          name: 'app',
          image: reference(await workloadImage()),
          imagePullPolicy: 'IfNotPresent',
          command: ['sleep', 'infinity'],
          ...more.spec,
        },
      ],
    },
  };
}
