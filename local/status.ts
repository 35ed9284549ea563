import type { EdgeRates } from '../control-plane/telemetry/aggregate.ts';
import type { Cluster } from './cluster.ts';
import type { ContainerProcess } from './container.ts';
import { jobProgress } from './job-progress.ts';
import type { Manifests } from './manifests.ts';
import { nameOf } from './objects.ts';
import type { ContainerStatus, JobStatus, LocalStatus, PodStatus } from './view/status.ts';

/** The pods of a cluster as data. */
export function podStatuses(cluster: Cluster): PodStatus[] {
  return cluster.pods.map((pod) => ({
    namespace: pod.namespace,
    name: pod.name,
    workload: pod.workload.name,
    phase: pod.phase,
    ready: pod.ready,
    terminating: pod.terminating,
    injected: pod.injected,
    address: pod.address,
    containers: pod.containers.map(containerStatus),
  }));
}

export function jobStatuses(cluster: Cluster): JobStatus[] {
  return cluster.workloads
    .filter((workload) => workload.kind === 'Job')
    .map((job) => ({
      namespace: job.namespace,
      name: job.name,
      completions: job.completions,
      ...jobProgress(
        job,
        cluster.pods.filter((pod) => pod.workload.key === job.key),
      ),
    }));
}

function containerStatus({ name, state, restarts, logPath }: ContainerProcess): ContainerStatus {
  const detail =
    state.kind === 'waiting'
      ? state.reason
      : state.kind === 'ended'
        ? `ended with status ${state.exitCode}`
        : 'running';
  const pid = state.kind === 'running' ? state.pid : undefined;
  return { name, state: state.kind, detail, pid, restarts, log: logPath };
}

/** A route with weights to play with: the first that splits its traffic. */
export function findTip(manifests: Manifests): LocalStatus['tip'] {
  for (const { object, path } of manifests.ofKind('HTTPRoute')) {
    const { spec } = object;
    if (typeof spec !== 'object' || spec === null || !('rules' in spec)) continue;
    if (!Array.isArray(spec.rules)) continue;
    const splits = spec.rules.some((rule: unknown) => {
      if (typeof rule !== 'object' || rule === null || !('backendRefs' in rule)) return false;
      return Array.isArray(rule.backendRefs) && rule.backendRefs.length > 1;
    });
    if (splits) return { route: `HTTPRoute ${nameOf(object)}`, path };
  }
  return undefined;
}

/** Edges on which something happens now. */
export function livingEdges(edges: readonly EdgeRates[]): EdgeRates[] {
  return edges.filter((edge) => edge.requestsPerSecond > 0 || edge.connectionsPerSecond > 0);
}
