import { apply, kubectl, type Manifest, rolledOut } from './kubectl.ts';
import { until } from './poll.ts';
import { workload } from './workloads.ts';

/** What `programs/load.py` counted since its start. */
export interface LoadCount {
  requests: number;
  failures: number;
  /** Seconds of the slowest request. */
  slowest: number;
  /** The first failures, with time and kind of connection. */
  reasons: string[];
}

/** A Deployment that calls a URL steadily, with kept and with new connections. */
export function loadClient(
  namespace: string,
  name: string,
  url: string,
  ratePerSecond = 10,
): Promise<Manifest[]> {
  return workload(namespace, name, {
    command: ['python3', '/programs/load.py', '--rate', String(ratePerSecond), url],
  });
}

/** Starts a steady client and returns once its first requests are done. */
export async function startLoad(
  namespace: string,
  name: string,
  url: string,
  ratePerSecond = 10,
): Promise<void> {
  await apply(await loadClient(namespace, name, url, ratePerSecond));
  await rolledOut(namespace, `deployment/${name}`);
  await until(`${name} has sent requests`, async () =>
    (await loadCount(namespace, name)).requests > 0 ? true : undefined,
  );
}

/** The client's newest count, a second old at most. */
export async function loadCount(namespace: string, name: string): Promise<LoadCount> {
  const lines = await kubectl([
    'logs',
    '-n',
    namespace,
    `deployment/${name}`,
    '-c',
    'app',
    '--tail=1',
  ]);
  return JSON.parse(lines) as LoadCount;
}
