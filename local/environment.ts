import type { Manifests } from './manifests.ts';
import { type Container, type DataObject, nameOf } from './objects.ts';

/** What `fieldRef` can ask of a pod. */
export interface PodFields {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly address: string;
  readonly hostAddress: string;
  readonly serviceAccount: string;
}

/**
 * The variables of a container as the kubelet would set them: values, fields of
 * the pod, keys of ConfigMaps and Secrets, `$(NAME)` replaced by variables that
 * stand before.
 *
 * @returns the variables, and a sentence for each that cannot be had
 */
export function containerEnvironment(
  container: Container,
  pod: PodFields,
  manifests: Pick<Manifests, 'list'>,
): { env: Record<string, string>; problems: string[] } {
  const env: Record<string, string> = {};
  const problems: string[] = [];
  const find = (kind: 'ConfigMap' | 'Secret', name: string): Map<string, string> | undefined => {
    const object = manifests
      .list(kind)
      .find((candidate) => nameOf(candidate) === `${pod.namespace}/${name}`);
    return object === undefined ? undefined : dataOf(kind, object);
  };

  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    const reference = configMapRef ?? secretRef;
    if (reference === undefined) continue;
    const kind = configMapRef === undefined ? 'Secret' : 'ConfigMap';
    const data = find(kind, reference.name);
    if (data === undefined && reference.optional !== true) {
      problems.push(`there is no ${kind} ${pod.namespace}/${reference.name}`);
    }
    for (const [key, value] of data ?? []) env[`${prefix}${key}`] = value;
  }

  for (const { name, value, valueFrom } of container.env ?? []) {
    if (valueFrom === undefined) {
      env[name] = expand(value ?? '', env);
      continue;
    }
    const { fieldRef, configMapKeyRef, secretKeyRef } = valueFrom;
    const reference = configMapKeyRef ?? secretKeyRef;
    const kind = configMapKeyRef === undefined ? 'Secret' : 'ConfigMap';
    if (fieldRef !== undefined) {
      const found = fieldOf(fieldRef.fieldPath, pod);
      if (found === undefined) problems.push(`${name}: local mode knows no ${fieldRef.fieldPath}`);
      else env[name] = found;
    } else if (reference !== undefined) {
      const found = find(kind, reference.name)?.get(reference.key);
      if (found !== undefined) env[name] = found;
      else if (reference.optional !== true) {
        problems.push(
          `${name}: there is no key ${reference.key} in a ${kind} ${pod.namespace}/${reference.name}`,
        );
      }
    } else {
      problems.push(`${name}: valueFrom is of a sort that local mode does not know`);
    }
  }
  return { env, problems };
}

function dataOf(kind: 'ConfigMap' | 'Secret', object: DataObject): Map<string, string> {
  const data = new Map<string, string>();
  for (const [key, value] of Object.entries(object.data ?? {})) {
    data.set(key, kind === 'Secret' ? Buffer.from(value, 'base64').toString('utf8') : value);
  }
  for (const [key, value] of Object.entries(object.stringData ?? {})) data.set(key, value);
  return data;
}

/** `$(NAME)` of variables set before; `$$` is a dollar; what is unknown stays as it is. */
function expand(value: string, env: Readonly<Record<string, string>>): string {
  return value.replace(/\$(\$|\(([A-Za-z_][A-Za-z0-9_.-]*)\))/g, (whole, sort: string, name) => {
    if (sort === '$') return '$';
    return Object.hasOwn(env, name) ? (env[name] ?? '') : whole;
  });
}

function fieldOf(path: string, pod: PodFields): string | undefined {
  const keyed = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(path);
  if (keyed !== null) {
    const map = keyed[1] === 'labels' ? pod.labels : pod.annotations;
    return map[keyed[2] ?? ''] ?? '';
  }
  switch (path) {
    case 'metadata.name':
      return pod.name;
    case 'metadata.namespace':
      return pod.namespace;
    case 'metadata.uid':
      return `${pod.namespace}-${pod.name}`;
    case 'spec.nodeName':
      return 'local';
    case 'spec.serviceAccountName':
      return pod.serviceAccount;
    case 'status.podIP':
    case 'status.podIPs':
      return pod.address;
    case 'status.hostIP':
      return pod.hostAddress;
    default:
      return undefined;
  }
}
