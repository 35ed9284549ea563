import { join } from 'node:path';
import { SYSTEM_NAMESPACE } from '../../../proto/well-known.ts';
import { run } from './command.ts';
import { type Channel, installGatewayApi } from './gateway-api.ts';
import { buildImages, meshImage, PROJECT } from './images.ts';
import { apply, kubectl, rolledOut } from './kubectl.ts';

export const CHART = join(PROJECT, 'charts/remora');

/** Our own pods; they run under the strictest of the Pod Security profiles. */
export const DEPLOYMENTS = ['deployment/remora-control-plane', 'deployment/remora-injector'];

export function helm(args: readonly string[]): Promise<string> {
  return run('helm', args, { timeoutMs: 300_000 });
}

/** `helm upgrade --install` of the chart with this run's image. */
export async function installChart(
  options: { chart?: string; values?: readonly string[] } = {},
): Promise<void> {
  const image = await meshImage();
  await helm([
    'upgrade',
    '--install',
    'remora',
    options.chart ?? CHART,
    '--namespace',
    SYSTEM_NAMESPACE,
    '--set',
    `image.repository=${image.repository},image.tag=${image.tag}`,
    ...(options.values ?? []).flatMap((value) => ['--set', value]),
  ]);
}

export async function requireCluster(): Promise<void> {
  await kubectl(['get', '--raw', '/readyz']).catch((cause: unknown) => {
    throw new Error('no cluster answers: set KUBECONFIG to one that is yours alone', { cause });
  });
}

/**
 * Makes sure that the mesh of this source tree runs: images built and loaded,
 * Gateway API there, chart installed, pods ready. Cheap when it does already,
 * so that every file of the suite can also be run alone.
 */
export async function ensureMesh(channel: Channel = 'experimental'): Promise<void> {
  await installGatewayApi(channel);
  if (await runs()) return;
  await buildImages();
  await prepareSystemNamespace();
  await installChart();
  await rolledOut(SYSTEM_NAMESPACE, ...DEPLOYMENTS);
}

/** The control plane's namespace, under the Pod Security profile `restricted`. */
export function prepareSystemNamespace(): Promise<void> {
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  return apply([
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: SYSTEM_NAMESPACE, labels } },
  ]);
}

async function runs(): Promise<boolean> {
  const { repository, tag } = await meshImage();
  const running = await kubectl([
    'get',
    '-n',
    SYSTEM_NAMESPACE,
    ...DEPLOYMENTS,
    '-o',
    'jsonpath={range .items[*]}{.spec.template.spec.containers[0].image} {.spec.replicas} {.status.readyReplicas} {.status.updatedReplicas}{"\\n"}{end}',
  ]).catch(() => '');
  const lines = running.trim().split('\n');
  return (
    lines.length === DEPLOYMENTS.length &&
    lines.every((line) => {
      const [image, wanted, ready, updated] = line.split(' ');
      return image === `${repository}:${tag}` && wanted === ready && wanted === updated;
    })
  );
}
