import { jobProgress } from './job-progress.ts';
import type { LocalPod } from './pod.ts';
import { fixedPodNames, newPodName, type Workload } from './workloads.ts';

/** What matters of a pod here. */
export type ReconciledPod = Pick<
  LocalPod,
  'name' | 'namespace' | 'workload' | 'phase' | 'ready' | 'ended' | 'terminating' | 'createdMs'
>;

/** What is to be done so that the pods are those that the manifests want. */
export interface Reconciliation<P extends ReconciledPod> {
  readonly create: readonly { readonly workload: Workload; readonly name: string }[];
  readonly stop: readonly P[];
}

/** Compares; does nothing. Pure but for the random part of new names. */
export function reconcile<P extends ReconciledPod>(
  workloads: readonly Workload[],
  pods: readonly P[],
): Reconciliation<P> {
  const create: { workload: Workload; name: string }[] = [];
  const stop: P[] = [];
  const taken = new Set(pods.map((pod) => `${pod.namespace}/${pod.name}`));
  const wanted = new Set(workloads.map((workload) => workload.key));
  for (const pod of pods) {
    if (!wanted.has(pod.workload.key) && !pod.terminating) stop.push(pod);
  }
  for (const workload of workloads) {
    const own = pods.filter((pod) => pod.workload.key === workload.key && !pod.terminating);
    const current = own.filter((pod) => pod.workload.hash === workload.hash);
    const old = own.filter((pod) => pod.workload.hash !== workload.hash);

    const fixed = fixedPodNames(workload);
    if (fixed !== undefined) {
      // The old one must be gone before a new one can have its name.
      stop.push(...old, ...current.filter((pod) => !fixed.includes(pod.name)));
      for (const name of fixed) {
        if (!taken.has(`${workload.namespace}/${name}`)) create.push({ workload, name });
      }
      continue;
    }

    const active = workload.kind === 'Job' ? current.filter((pod) => !pod.ended) : current;
    let missing = workload.replicas - active.length;
    if (workload.kind === 'Job') {
      const { state, succeeded } = jobProgress(workload, current);
      const left = state === 'running' ? workload.completions - succeeded : active.length;
      missing = Math.min(missing, left - active.length);
      stop.push(...old);
    } else {
      // The newest go first.
      const newestFirst = [...active].sort((a, b) => b.createdMs - a.createdMs);
      stop.push(...newestFirst.slice(0, Math.max(0, -missing)));
      // As in a rolling update, the old ones serve until the new ones can.
      if (missing <= 0 && current.every((pod) => pod.ready)) stop.push(...old);
    }
    for (; missing > 0; missing -= 1) {
      const inNamespace = [...taken].flatMap((key) =>
        key.startsWith(`${workload.namespace}/`) ? [key.slice(workload.namespace.length + 1)] : [],
      );
      const name = newPodName(workload, new Set(inNamespace));
      taken.add(`${workload.namespace}/${name}`);
      create.push({ workload, name });
    }
  }
  return { create, stop };
}
