import { ANNOTATION, CONTAINER, INJECT_LABEL, SIDECAR_UID } from '../proto/well-known.ts';
import { describeError } from '../runtime/errors.ts';
import { VOLUME } from './container.ts';
import type { Container, Pod } from './pod.ts';
import { type PodOptions, readPodOptions, sidecarPorts } from './pod-options.ts';

export interface DecisionInput {
  pod: Pod;
  /** Of the request: a pod that a controller makes does not name its namespace. */
  namespace: string;
  /** Undefined when nobody could tell: then the webhook's namespaceSelector is believed. */
  namespaceLabels: Readonly<Record<string, string>> | undefined;
  /** The control plane's and the injector's own namespace. */
  systemNamespace: string;
}

export type SkipReason =
  | 'system-namespace'
  | 'namespace-not-enabled'
  | 'mirror-pod'
  | 'windows'
  | 'host-network'
  | 'disabled'
  | 'already-injected';

export type RefuseReason = 'bad-annotation' | 'conflict' | 'no-containers';

export type Decision =
  /** Patch it with these options. */
  | { action: 'inject'; options: PodOptions; warnings: readonly string[] }
  /** Admit it as it is. The warnings are shown to whoever creates the pod. */
  | { action: 'skip'; reason: SkipReason; warnings: readonly string[] }
  /** Turn it away: a sidecar was asked for, and this pod could not work with one. */
  | { action: 'refuse'; reason: RefuseReason; message: string };

/** Namespaces of Kubernetes itself: a webhook that is down must never hold up what repairs it. */
const KUBERNETES_NAMESPACES = ['kube-system', 'kube-public', 'kube-node-lease'];

/** Set by the kubelet on copies of pods from its own folder, which cannot be changed. */
const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';

/**
 * Whether a pod gets a sidecar. Pure: says the same about a dry run and about
 * the pod as it comes back for reinvocation.
 */
export function decide(input: DecisionInput): Decision {
  const { pod, namespace } = input;
  const labels = pod.metadata?.labels ?? {};
  const annotations = pod.metadata?.annotations ?? {};
  const spec = pod.spec ?? {};

  if (namespace === input.systemNamespace || KUBERNETES_NAMESPACES.includes(namespace)) {
    return skip('system-namespace');
  }
  if (input.namespaceLabels !== undefined && input.namespaceLabels[INJECT_LABEL] !== 'enabled') {
    return skip('namespace-not-enabled');
  }
  if (Object.hasOwn(annotations, MIRROR_ANNOTATION)) return skip('mirror-pod');
  if (spec.os?.name === 'windows') {
    return skip('windows', 'no sidecar: Remora runs on Linux, and this pod asks for Windows');
  }
  for (const value of [labels[INJECT_LABEL], annotations[INJECT_LABEL]]) {
    if (value !== undefined && value !== 'enabled' && value !== 'disabled') {
      return refuse(
        'bad-annotation',
        `label or annotation ${INJECT_LABEL}: "${value}" is bad: it must be enabled or disabled`,
      );
    }
  }
  if (labels[INJECT_LABEL] === 'disabled' || annotations[INJECT_LABEL] === 'disabled') {
    return skip('disabled');
  }
  if (spec.hostNetwork === true) {
    return skip(
      'host-network',
      "no sidecar: the pod uses hostNetwork, and the rules would redirect the node's own traffic",
    );
  }
  // Both, so that neither a copied annotation nor a container of that name passes for a sidecar.
  const names = allContainers(pod).map((container) => container.name);
  if (Object.hasOwn(annotations, ANNOTATION.injected) && names.includes(CONTAINER.proxy)) {
    return skip('already-injected');
  }
  if ((spec.containers ?? []).length === 0) {
    return refuse('no-containers', 'the pod has no containers');
  }
  let options: PodOptions;
  try {
    options = readPodOptions(annotations);
  } catch (error) {
    return refuse('bad-annotation', describeError(error));
  }
  const conflicts = findConflicts(pod, options);
  if (conflicts.length > 0) return refuse('conflict', conflicts.join('; '));
  return { action: 'inject', options, warnings: [] };
}

/** What of the pod is also the sidecar's: names, ports, the user. */
function findConflicts(pod: Pod, options: PodOptions): string[] {
  const problems: string[] = [];
  const ownNames: readonly string[] = Object.values(CONTAINER);
  const ownPorts = sidecarPorts(options);
  if (pod.spec?.securityContext?.runAsUser === SIDECAR_UID) {
    problems.push(`the pod runs as user ${SIDECAR_UID}, ${WHY_NOT_UID}`);
  }
  for (const container of allContainers(pod)) {
    if (ownNames.includes(container.name)) {
      problems.push(`the name of container ${container.name} is taken by the sidecar: rename it`);
    }
    if (container.securityContext?.runAsUser === SIDECAR_UID) {
      problems.push(`container ${container.name} runs as user ${SIDECAR_UID}, ${WHY_NOT_UID}`);
    }
    for (const port of container.ports ?? []) {
      const { containerPort, protocol = 'TCP' } = port;
      if (protocol === 'TCP' && ownPorts.includes(containerPort)) {
        problems.push(
          `port ${containerPort} of container ${container.name} is taken by the sidecar (${ownPorts.join(', ')}): choose another`,
        );
      }
    }
  }
  const ownVolumes: readonly string[] = Object.values(VOLUME);
  for (const volume of pod.spec?.volumes ?? []) {
    if (ownVolumes.includes(volume.name)) {
      problems.push(`the name of volume ${volume.name} is taken by the sidecar: rename it`);
    }
  }
  return problems;
}

const WHY_NOT_UID =
  "which is the sidecar's: its traffic would bypass the mesh. Choose another user";

function allContainers(pod: Pod): Container[] {
  return [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
}

function skip(reason: SkipReason, ...warnings: string[]): Decision {
  return { action: 'skip', reason, warnings };
}

function refuse(reason: RefuseReason, problem: string): Decision {
  return {
    action: 'refuse',
    reason,
    message: `Remora cannot add its sidecar: ${problem}. To run the pod without one, label it ${INJECT_LABEL}: disabled`,
  };
}
