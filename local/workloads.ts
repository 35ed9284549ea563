import { createHash } from 'node:crypto';
import type { Manifests } from './manifests.ts';
import type { PodTemplate } from './objects.ts';

/** Who keeps pods alive: a Deployment, a Job, ..., or the pod's own manifest. */
export interface Workload {
  /** `Deployment/shop/orders` */
  readonly key: string;
  readonly kind: 'Deployment' | 'StatefulSet' | 'DaemonSet' | 'Job' | 'Pod';
  readonly namespace: string;
  readonly name: string;
  readonly template: PodTemplate;
  /** Changes when the template does: then the pods are replaced. */
  readonly hash: string;
  /** How many pods at a time. */
  readonly replicas: number;
  /** Of a Job: so many pods must end well. */
  readonly completions: number;
  /** Of a Job: so many may fail. */
  readonly backoffLimit: number;
  /** Of a StatefulSet: the headless service that names its pods; else empty. */
  readonly serviceName: string;
}

/** What the manifests want to run. Pure. */
export function desiredWorkloads(manifests: Pick<Manifests, 'list'>): Workload[] {
  const workloads: Workload[] = [];
  for (const kind of ['Deployment', 'StatefulSet'] as const) {
    for (const { metadata, spec } of manifests.list(kind)) {
      workloads.push(
        workload(kind, metadata, spec.template, {
          replicas: spec.replicas ?? 1,
          serviceName: kind === 'StatefulSet' ? (spec.serviceName ?? '') : '',
        }),
      );
    }
  }
  for (const { metadata, spec } of manifests.list('DaemonSet')) {
    workloads.push(workload('DaemonSet', metadata, spec.template, { replicas: 1 }));
  }
  for (const { metadata, spec } of manifests.list('Job')) {
    const completions = spec.completions ?? 1;
    workloads.push(
      workload('Job', metadata, spec.template, {
        replicas: Math.min(spec.parallelism ?? 1, completions),
        completions,
        backoffLimit: spec.backoffLimit ?? 6,
      }),
    );
  }
  for (const { metadata, spec } of manifests.list('Pod')) {
    workloads.push(workload('Pod', metadata, { metadata, spec }, { replicas: 1 }));
  }
  return workloads;
}

function workload(
  kind: Workload['kind'],
  metadata: { name: string; namespace?: string | undefined },
  template: PodTemplate,
  counts: { replicas: number; completions?: number; backoffLimit?: number; serviceName?: string },
): Workload {
  const namespace = metadata.namespace ?? 'default';
  const hash = createHash('sha256').update(JSON.stringify(template)).digest('hex').slice(0, 9);
  return {
    key: `${kind}/${namespace}/${metadata.name}`,
    kind,
    namespace,
    name: metadata.name,
    template,
    hash,
    replicas: counts.replicas,
    completions: counts.completions ?? 1,
    backoffLimit: counts.backoffLimit ?? 6,
    serviceName: counts.serviceName ?? '',
  };
}

const SUFFIX_LETTERS = 'bcdfghjklmnpqrstvwxz2456789';

/** Pods whose names are fixed: of a StatefulSet by number, and pods of their own. */
export function fixedPodNames(workload: Workload): string[] | undefined {
  if (workload.kind === 'Pod') return [workload.name];
  if (workload.kind !== 'StatefulSet') return undefined;
  return Array.from({ length: workload.replicas }, (_, ordinal) => `${workload.name}-${ordinal}`);
}

/** A name for a new pod, as its controller would choose it, that is not taken. */
export function newPodName(workload: Workload, taken: ReadonlySet<string>): string {
  const base = workload.kind === 'Deployment' ? `${workload.name}-${workload.hash}` : workload.name;
  for (;;) {
    let suffix = '';
    for (let length = 0; length < 5; length += 1) {
      suffix += SUFFIX_LETTERS[Math.floor(Math.random() * SUFFIX_LETTERS.length)];
    }
    if (!taken.has(`${base}-${suffix}`)) return `${base}-${suffix}`;
  }
}

/** The pod's `ownerReferences`: a Deployment owns its pods through a ReplicaSet. */
export function ownerReferences(workload: Workload): object[] {
  if (workload.kind === 'Pod') return [];
  const batch = workload.kind === 'Job';
  const deployment = workload.kind === 'Deployment';
  return [
    {
      apiVersion: batch ? 'batch/v1' : 'apps/v1',
      kind: deployment ? 'ReplicaSet' : workload.kind,
      name: deployment ? `${workload.name}-${workload.hash}` : workload.name,
      uid: workload.key,
      controller: true,
    },
  ];
}

/** Labels that the controller adds to its pods. */
export function controllerLabels(workload: Workload, pod: string): Record<string, string> {
  if (workload.kind === 'Deployment') return { 'pod-template-hash': workload.hash };
  if (workload.kind === 'StatefulSet') return { 'statefulset.kubernetes.io/pod-name': pod };
  if (workload.kind === 'Job') {
    return { 'job-name': workload.name, 'batch.kubernetes.io/job-name': workload.name };
  }
  return {};
}
