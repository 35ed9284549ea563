import { ANNOTATION, PORT, SIDECAR_LABEL, SIDECAR_LABEL_VALUE } from '../proto/well-known.ts';
import { initContainer, proxyContainer, type SidecarConfig, volumes } from './container.ts';
import { type PatchOperation, pointerSegment } from './json-patch.ts';
import type { Pod } from './pod.ts';
import type { PodOptions } from './pod-options.ts';

const DEFAULT_CONTAINER = 'kubectl.kubernetes.io/default-container';

/**
 * The JSON Patch that gives a pod its sidecar. Pure; only adds, but for values
 * of our own label and annotations.
 *
 * The pod must have been decided upon (`decide` said `inject`).
 */
export function buildPatch(pod: Pod, options: PodOptions, config: SidecarConfig): PatchOperation[] {
  const metadata = pod.metadata;
  return [
    ...(isAbsent(metadata) ? [{ op: 'add' as const, path: '/metadata', value: {} }] : []),
    ...setKeys('/metadata/labels', metadata?.labels, { [SIDECAR_LABEL]: SIDECAR_LABEL_VALUE }),
    ...setKeys('/metadata/annotations', metadata?.annotations, annotationsFor(pod, config)),
    ...addItems('/spec/volumes', pod.spec?.volumes, volumes(), 'last'),
    ...addItems(
      '/spec/initContainers',
      pod.spec?.initContainers,
      [initContainer(config, options), proxyContainer(pod, config, options)],
      // The user's own init containers may need the network: rules and sidecar come before them.
      'first',
    ),
  ];
}

function annotationsFor(pod: Pod, config: SidecarConfig): Record<string, string> {
  const given = pod.metadata?.annotations ?? {};
  const added: Record<string, string> = { [ANNOTATION.injected]: config.version };
  const first = pod.spec?.containers?.[0]?.name;
  if (first !== undefined && !Object.hasOwn(given, DEFAULT_CONTAINER)) {
    added[DEFAULT_CONTAINER] = first;
  }
  // A pod has one scrape target by annotation. Where the application names its
  // own, in whole or in part, it keeps it; the sidecar is then found by the name
  // of its port, remora-metrics.
  if (!Object.keys(given).some((name) => name.startsWith('prometheus.io/'))) {
    added['prometheus.io/scrape'] = 'true';
    added['prometheus.io/port'] = String(PORT.health);
    added['prometheus.io/path'] = '/metrics';
  }
  return added;
}

function setKeys(
  path: string,
  present: Readonly<Record<string, string>> | undefined,
  wanted: Readonly<Record<string, string>>,
): PatchOperation[] {
  if (isAbsent(present)) return [{ op: 'add', path, value: wanted }];
  return Object.entries(wanted).map(([key, value]) => ({
    op: Object.hasOwn(present, key) ? 'replace' : 'add',
    path: `${path}/${pointerSegment(key)}`,
    value,
  }));
}

function addItems<T>(
  path: string,
  present: readonly T[] | undefined,
  items: readonly T[],
  place: 'first' | 'last',
): PatchOperation[] {
  if (isAbsent(present)) return [{ op: 'add', path, value: items }];
  return items.map((value, index) => ({
    op: 'add',
    path: `${path}/${place === 'first' ? index : '-'}`,
    value,
  }));
}

/** A manifest may also say `labels: null`. */
function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null;
}
