import { type CommandOptions, run } from './command.ts';

/** A Kubernetes object as it is applied. */
export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
  [field: string]: unknown;
}

export function kubectl(args: readonly string[], options: CommandOptions = {}): Promise<string> {
  return run('kubectl', args, options);
}

/** Applies objects, or YAML text. Rejects with the API server's message. */
export async function apply(objects: readonly Manifest[] | string): Promise<void> {
  const input =
    typeof objects === 'string'
      ? objects
      : JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  await kubectl(['apply', '-f', '-'], { input });
}

/** `kubectl get -o json`; the caller names the shape it expects. */
export async function getJson<T>(args: readonly string[]): Promise<T> {
  return JSON.parse(await kubectl(['get', ...args, '-o', 'json'])) as T;
}

/** A program in a container of a pod: its standard output. */
export function execute(
  target: { namespace: string; pod: string; container?: string },
  command: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const container = target.container === undefined ? [] : ['-c', target.container];
  return kubectl(
    ['exec', '-n', target.namespace, target.pod, ...container, '--', ...command],
    options,
  );
}

/** Waits for Deployments to be rolled out: `deployment/web`. */
export async function rolledOut(namespace: string, ...resources: string[]): Promise<void> {
  await Promise.all(
    resources.map((resource) =>
      kubectl(['rollout', 'status', '-n', namespace, resource, '--timeout=170s'], {
        timeoutMs: 180_000,
      }),
    ),
  );
}

export interface Pod {
  metadata: {
    name: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    creationTimestamp: string;
    deletionTimestamp?: string;
  };
  spec: {
    serviceAccountName?: string;
    nodeName?: string;
    hostNetwork?: boolean;
    initContainers?: { name: string; restartPolicy?: string; image?: string }[];
    containers: { name: string; image?: string }[];
  };
  status: {
    phase: string;
    podIP?: string;
    conditions?: { type: string; status: string; lastTransitionTime: string }[];
    containerStatuses?: ContainerStatus[];
    initContainerStatuses?: ContainerStatus[];
  };
}

export interface ContainerStatus {
  name: string;
  ready: boolean;
  restartCount: number;
  containerID?: string;
  state?: { running?: { startedAt: string }; terminated?: { exitCode: number } };
}

/** Pods with a label `app`, without those that are going. */
export async function podsOf(namespace: string, app: string): Promise<Pod[]> {
  const list = await getJson<{ items: Pod[] }>(['pods', '-n', namespace, '-l', `app=${app}`]);
  return list.items.filter((pod) => pod.metadata.deletionTimestamp === undefined);
}

/** The one pod with a label `app`. */
export async function podOf(namespace: string, app: string): Promise<Pod> {
  const pods = await podsOf(namespace, app);
  const [pod] = pods;
  if (pod === undefined || pods.length !== 1) {
    throw new Error(`there are ${pods.length} pods app=${app} in ${namespace}, expected one`);
  }
  return pod;
}

/** True when the pod's Ready condition holds. */
export function isReady(pod: Pod): boolean {
  return pod.status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false;
}

/** The node of a pod with a label `app`. */
export async function nodeOf(namespace: string, app: string): Promise<string> {
  const node = (await podsOf(namespace, app))[0]?.spec.nodeName;
  if (node === undefined) throw new Error(`no pod app=${app} in ${namespace} has a node`);
  return node;
}
