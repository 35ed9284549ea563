import {
  ANNOTATION,
  EGRESS,
  PORT,
  SIDECAR_LABEL,
  SIDECAR_LABEL_VALUE,
} from '../../proto/well-known.ts';
import {
  type PodObject,
  type ServiceObject,
  type ServicePort,
  ZONE_LABEL,
} from '../watch/kinds.ts';
import { selectsLabels } from './selectors.ts';
import { protocolOf } from './services.ts';
import type { InboundRateLimits, Port, RateLimits, Settings, Workload } from './types.ts';

/** Labels that carry the hash with which a ReplicaSet's name ends. */
const HASH_LABELS = ['pod-template-hash', 'rollouts-pod-template-hash'];

/**
 * The name under which people know a pod's origin: the Deployment behind a
 * ReplicaSet, the CronJob behind a Job, else the pod's controller, else the pod.
 */
export function workloadName(pod: PodObject): string {
  const { labels, name, ownerReferences } = pod.metadata;
  const owner = ownerReferences.find((reference) => reference.controller) ?? ownerReferences[0];
  // Static pods are owned by their Node.
  if (owner === undefined || owner.kind === 'Node') return name;
  if (owner.kind === 'ReplicaSet') {
    for (const label of HASH_LABELS) {
      const suffix = `-${labels[label]}`;
      if (labels[label] && owner.name.endsWith(suffix)) return owner.name.slice(0, -suffix.length);
    }
  }
  // A CronJob names its Jobs after the minute of their schedule.
  if (owner.kind === 'Job') return owner.name.replace(/-\d{8,}$/, '');
  return owner.name;
}

/** Whether a pod has a sidecar. */
export function hasSidecar(pod: PodObject): boolean {
  return pod.metadata.labels[SIDECAR_LABEL] === SIDECAR_LABEL_VALUE;
}

/** The port of a pod's sidecar for mTLS; 0 when it has none. */
export function trunkPort(pod: PodObject): number {
  if (!hasSidecar(pod)) return 0;
  const annotated = Number(pod.metadata.annotations[ANNOTATION.trunkPort]);
  return Number.isInteger(annotated) && annotated > 0 && annotated <= 65535
    ? annotated
    : PORT.trunk;
}

/** The addresses that are a pod's alone: none on the host's network, and none once it has ended. */
export function ownAddresses(pod: PodObject): readonly string[] {
  const ended = pod.phase === 'Succeeded' || pod.phase === 'Failed';
  return ended || pod.hostNetwork ? [] : pod.addresses;
}

/** Where a pod runs: what its own label says, else its node. Empty where neither is known. */
export function zoneOf(pod: PodObject, ofNode: string): string {
  return pod.metadata.labels[ZONE_LABEL] ?? ofNode;
}

/** @param zoneOfNode empty where it is not known */
export function toWorkload(pod: PodObject, address: string, zoneOfNode: string): Workload {
  return {
    kind: 'workload',
    address,
    pod: pod.metadata.name,
    namespace: pod.metadata.namespace,
    workload: workloadName(pod),
    serviceAccount: pod.serviceAccount,
    node: pod.node,
    zone: zoneOf(pod, zoneOfNode),
    trunkPort: trunkPort(pod),
  };
}

/** Says that no pod answers at an address. */
export function unknownWorkload(address: string, node = '', zone = ''): Workload {
  return {
    kind: 'workload',
    address,
    pod: '',
    namespace: '',
    workload: '',
    serviceAccount: '',
    node,
    zone,
    trunkPort: 0,
  };
}

/** What a pod's sidecar is told about itself. */
export interface SettingsInputs {
  readonly pod: PodObject;
  readonly trustDomain: string;
  /** Services of the pod's namespace. */
  readonly services: readonly ServiceObject[];
  /** Elections in which the pod is a candidate. */
  readonly elections: readonly string[];
  /** What pods of that service count. */
  readonly rateLimitsOf: (service: ServiceObject['metadata']) => RateLimits | undefined;
  /** The label of the pod's namespace; undefined where it has none. */
  readonly egress?: string | undefined;
  /** Of the pod's node; empty where that is not known. */
  readonly zoneOfNode: string;
}

export function buildSettings(inputs: SettingsInputs): Settings {
  const rateLimits = inboundRateLimits(inputs);
  const zone = zoneOf(inputs.pod, inputs.zoneOfNode);
  return {
    kind: 'settings',
    workload: workloadName(inputs.pod),
    trustDomain: inputs.trustDomain,
    inboundPorts: inboundPorts(inputs.pod, inputs.services),
    elections: [...inputs.elections].sort(),
    ...(rateLimits.length > 0 && { rateLimits }),
    // What is misspelt restricts, as somebody wanted it to.
    ...((inputs.egress ?? EGRESS.allow) !== EGRESS.allow && { egress: EGRESS.registeredOnly }),
    ...(zone !== '' && { zone }),
  };
}

/**
 * The pod's own ports and their protocols, from the services that select it.
 * Where several services lead to one port, a declared protocol wins over detection.
 */
function inboundPorts(pod: PodObject, services: readonly ServiceObject[]): Port[] {
  const byPort = new Map<number, Port>();
  for (const { port, servicePort } of leadingTo(pod, services)) {
    const protocol = protocolOf(servicePort);
    const present = byPort.get(port);
    if (present === undefined || (present.protocol === 'detect' && protocol !== 'detect')) {
      byPort.set(port, { port, name: servicePort.name, protocol });
    }
  }
  return [...byPort.values()].sort((a, b) => a.port - b.port);
}

/** Where several services lead to one port, the limits of each count. */
function inboundRateLimits({ pod, services, rateLimitsOf }: SettingsInputs): InboundRateLimits[] {
  const byPort = new Map<number, Map<string, RateLimits>>();
  for (const { service, port } of leadingTo(pod, services)) {
    const limits = rateLimitsOf(service.metadata);
    if (limits === undefined) continue;
    const present = byPort.get(port) ?? new Map<string, RateLimits>();
    byPort.set(port, present.set(limits.target, limits));
  }
  return [...byPort]
    .map(([port, limits]) => ({
      port,
      limits: [...limits.values()].sort((a, b) => (a.target < b.target ? -1 : 1)),
    }))
    .sort((a, b) => a.port - b.port);
}

/** The ports of services that lead to a pod, each with the pod's own port. */
function* leadingTo(
  pod: PodObject,
  services: readonly ServiceObject[],
): Iterable<{ service: ServiceObject; servicePort: ServicePort; port: number }> {
  for (const service of services) {
    if (!selectsLabels(service.selector, pod.metadata.labels)) continue;
    for (const servicePort of service.ports) {
      if (servicePort.transport !== 'TCP') continue;
      const port = resolveTargetPort(pod, servicePort.targetPort);
      if (port !== undefined) yield { service, servicePort, port };
    }
  }
}

function resolveTargetPort(pod: PodObject, target: number | string): number | undefined {
  if (typeof target === 'number') return target;
  return pod.namedPorts.find((named) => named.name === target)?.port;
}
