import { compareAge } from '../model/precedence.ts';
import type { PodObject } from '../watch/kinds.ts';

/**
 * Which replica of the control plane writes statuses: of those that are ready,
 * the oldest. All replicas see the same pods and come to the same answer; while
 * they do not, two write the same, and the resourceVersion keeps them apart.
 */
export function chooseWriter(
  pods: readonly PodObject[],
  serviceAccount: string,
): string | undefined {
  const replicas = pods.filter(
    (pod) => pod.serviceAccount === serviceAccount && pod.ready && !pod.terminating,
  );
  return replicas.map((pod) => pod.metadata).sort(compareAge)[0]?.name;
}
