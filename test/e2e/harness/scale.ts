import { kubectl, rolledOut } from './kubectl.ts';
import { until } from './poll.ts';

/**
 * Takes all pods of one of our Deployments away and returns once none is left,
 * not even one that still answers while it ends. Returns the way back.
 */
export async function scaleToZero(namespace: string, name: string): Promise<() => Promise<void>> {
  const deployment = `deployment/${name}`;
  const replicas = await kubectl([
    'get',
    '-n',
    namespace,
    deployment,
    '-o',
    'jsonpath={.spec.replicas}',
  ]);
  const scale = (count: string) =>
    kubectl(['scale', '-n', namespace, deployment, `--replicas=${count}`]);
  await scale('0');
  const selector = `app.kubernetes.io/name=${name}`;
  await until(`${name} is gone`, async () => {
    const pods = await kubectl(['get', 'pods', '-n', namespace, '-l', selector, '-o', 'name']);
    return pods.trim() === '' ? true : undefined;
  });
  return async () => {
    await scale(replicas);
    await rolledOut(namespace, deployment);
  };
}
