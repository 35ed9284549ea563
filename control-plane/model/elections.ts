import { parseDurationMs } from '../crds/duration.ts';
import type { LeaderElectionObject } from '../watch/custom-kinds.ts';
import type { PodObject } from '../watch/kinds.ts';
import { type LabelSelector, matchesSelector } from './selectors.ts';
import type { ElectionSpec } from './types.ts';
import { hasSidecar } from './workloads.ts';

/** An election as its author wrote it. */
export interface Election {
  readonly namespace: string;
  readonly name: string;
  readonly leaseDurationMs: number;
  readonly selector: LabelSelector;
}

/** Undefined when the object cannot be understood. */
export function toElection(object: LeaderElectionObject): Election | undefined {
  if (object.spec === undefined) return undefined;
  return {
    namespace: object.metadata.namespace,
    name: object.metadata.name,
    leaseDurationMs: parseDurationMs(object.spec.leaseDuration) ?? 15_000,
    selector: object.spec.selector,
  };
}

/** Of the namespace's pods those may lead that are selected, have a sidecar, are ready and not on their way out. */
export function withCandidates(election: Election, pods: readonly PodObject[]): ElectionSpec {
  const candidates = pods.filter(
    (pod) =>
      hasSidecar(pod) &&
      pod.ready &&
      !pod.terminating &&
      matchesSelector(election.selector, pod.metadata.labels),
  );
  return {
    namespace: election.namespace,
    name: election.name,
    leaseDurationMs: election.leaseDurationMs,
    candidates: new Set(candidates.map((pod) => pod.metadata.name)),
  };
}
