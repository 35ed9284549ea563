import { after, afterEach, before } from 'node:test';
import { INJECT_LABEL, SYSTEM_NAMESPACE } from '../../../proto/well-known.ts';
import { apply, kubectl } from './kubectl.ts';
import { ensureMesh, requireCluster } from './mesh.ts';

/** How long a hook of a topic may take: images may have to be built. */
const HOOK = { timeout: 1_800_000 };

/** For a `describe`: the mesh of this source tree runs before its tests. */
export function useMesh(): void {
  before(requireCluster);
  prepare(SYSTEM_NAMESPACE, ensureMesh);
  explainFailures(SYSTEM_NAMESPACE);
}

/**
 * For a `describe`: a namespace made before its tests and taken away at the
 * end (not with E2E_KEEP=1). One that an earlier run left is taken away first.
 */
export function useNamespace(
  name: string,
  options: { meshed: boolean; labels?: Readonly<Record<string, string>> },
): string {
  before(async () => {
    await remove(name, true);
    const labels = { ...options.labels, ...(options.meshed ? { [INJECT_LABEL]: 'enabled' } : {}) };
    await apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } }]);
  }, HOOK);
  explainFailures(name);
  after(async () => {
    if (process.env.E2E_KEEP !== '1') await remove(name, false);
  }, HOOK);
  return name;
}

async function remove(name: string, wait: boolean): Promise<void> {
  const args = ['delete', 'namespace', name, '--ignore-not-found', `--wait=${wait}`];
  await kubectl(args, { timeoutMs: 180_000 });
}

/** Runs a topic's preparation, and says what the namespace looks like when it fails. */
export function prepare(namespace: string, work: () => Promise<void>): void {
  before(async () => {
    try {
      await work();
    } catch (error) {
      console.error(await describeNamespace(namespace));
      throw error;
    }
  }, HOOK);
}

function explainFailures(namespace: string): void {
  let explained = false;
  afterEach(async (context) => {
    if (explained || !('passed' in context) || context.passed !== false) return;
    explained = true;
    console.error(await describeNamespace(namespace));
  });
}

/** What a person would look at first: pods, events, and the ends of all logs. */
export async function describeNamespace(name: string): Promise<string> {
  const look = (args: string[]) => kubectl(args).catch((error: unknown) => String(error));
  const pods = (await look(['get', 'pods', '-n', name, '-o', 'name'])).trim().split('\n');
  const logs = await Promise.all(
    pods
      .filter((pod) => pod.startsWith('pod/'))
      .map(async (pod) => {
        const flags = ['--all-containers', '--prefix', '--tail=12'];
        return `--- ${pod}\n${await look(['logs', '-n', name, pod, ...flags])}`;
      }),
  );
  return [
    `=== namespace ${name}`,
    await look(['get', 'pods', '-n', name, '-o', 'wide']),
    await look([
      'get',
      'events',
      '-n',
      name,
      '--field-selector=type=Warning',
      '--sort-by=.lastTimestamp',
    ]),
    ...logs,
  ].join('\n');
}
