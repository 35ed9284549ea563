import type { Pod } from './objects.ts';
import { controllerLabels, ownerReferences, type Workload } from './workloads.ts';

export type PodPhase = 'Pending' | 'Running' | 'Succeeded' | 'Failed';

/** A new pod of a workload, as its controller would create it. Pure. */
export function newPod(
  workload: Workload,
  name: string,
  annotations: Readonly<Record<string, string>>,
): Pod {
  const { metadata, spec } = workload.template;
  const stateful = workload.kind === 'StatefulSet';
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: workload.namespace,
      labels: { ...metadata?.labels, ...controllerLabels(workload, name) },
      annotations: { ...metadata?.annotations, ...annotations },
      ownerReferences: ownerReferences(workload),
    },
    spec: {
      ...structuredClone(spec),
      nodeName: 'local',
      serviceAccountName: spec.serviceAccountName ?? 'default',
      restartPolicy: spec.restartPolicy ?? 'Always',
      // Pods of a StatefulSet have names of their own under its headless service.
      ...(stateful ? { hostname: name, subdomain: workload.serviceName } : {}),
    },
  };
}

/** What has become of a pod. */
export interface PodStatus {
  readonly phase: PodPhase;
  readonly address: string;
  readonly hostAddress: string;
  readonly ready: boolean;
  /** Set when it is on its way out. */
  readonly deletedAt: string | undefined;
}

/** The pod as the API server would show it. Pure. */
export function podWithStatus(pod: Pod, status: PodStatus): object {
  const { phase, address, hostAddress, ready, deletedAt } = status;
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      ...(deletedAt === undefined ? {} : { deletionTimestamp: deletedAt }),
    },
    status: {
      phase,
      hostIP: hostAddress,
      podIP: address,
      podIPs: [{ ip: address }],
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    },
  };
}
