import type { LocalPod } from './pod.ts';
import type { Workload } from './workloads.ts';

/** How far a Job has come. */
export interface JobProgress {
  readonly succeeded: number;
  readonly failed: number;
  readonly state: 'running' | 'complete' | 'failed';
}

/** Counted from the Job's pods, which stay until the Job goes. Pure. */
export function jobProgress(
  job: Workload,
  pods: readonly Pick<LocalPod, 'workload' | 'phase' | 'terminating'>[],
): JobProgress {
  const own = pods.filter((pod) => pod.workload.hash === job.hash && !pod.terminating);
  const succeeded = own.filter((pod) => pod.phase === 'Succeeded').length;
  const failed = own.filter((pod) => pod.phase === 'Failed').length;
  const state =
    succeeded >= job.completions ? 'complete' : failed > job.backoffLimit ? 'failed' : 'running';
  return { succeeded, failed, state };
}
