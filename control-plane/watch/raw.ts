import { isIP } from 'node:net';
import { MeshError } from '../../runtime/errors.ts';
import type { ObjectMeta, OwnerReference } from './source.ts';

/** An object that was read, before anything is known of it. */
export type Raw = Readonly<Record<string, unknown>>;

export type Path = readonly (string | number)[];

/** A resource that cannot be understood (`bad-resource`), with the place in it. */
export class ResourceError extends MeshError {
  readonly path: Path;

  constructor(path: Path, message: string) {
    super('bad-resource', path.length === 0 ? message : `${formatPath(path)} ${message}`);
    this.path = path;
  }
}

/** `spec.rules[0].matches` */
export function formatPath(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text;
}

/** The value as an object; absent is empty. */
export function record(value: unknown, path: Path): Raw {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw new ResourceError(path, 'must be an object');
  }
  return value as Raw;
}

/** The value as an array of objects; absent is empty. */
export function records(value: unknown, path: Path): readonly Raw[] {
  return list(value, path).map((item, position) => record(item, [...path, position]));
}

export function list(value: unknown, path: Path): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new ResourceError(path, 'must be a list');
  return value;
}

export function text(value: unknown, path: Path, fallback = ''): string {
  if (value === undefined || value === null) return fallback;
  if (typeof value !== 'string') throw new ResourceError(path, 'must be a string');
  return value;
}

/** A map from string to string, with only the keys that `keep` lets pass. */
export function textMap(
  value: unknown,
  path: Path,
  keep: (key: string) => boolean = () => true,
): Readonly<Record<string, string>> {
  const kept: Record<string, string> = {};
  for (const [key, item] of Object.entries(record(value, path))) {
    if (keep(key)) kept[key] = text(item, [...path, key]);
  }
  return kept;
}

export function portNumber(value: unknown, path: Path): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65535) {
    return value;
  }
  throw new ResourceError(
    path,
    `must be a port from 1 to 65535, and is ${JSON.stringify(value) ?? 'absent'}`,
  );
}

/** An IP address, or empty. */
export function ipAddress(value: unknown, path: Path): string {
  const address = text(value, path);
  if (address === '' || isIP(address) !== 0) return address;
  throw new ResourceError(path, `must be an IP address, and is ${JSON.stringify(address)}`);
}

/** What of the metadata a kind wants to keep. */
export interface MetaOptions {
  /** Kinds whose status is written back need the versions; for others they are noise that hides equality. */
  readonly versions?: boolean;
  readonly labels?: (key: string) => boolean;
  readonly annotations?: (key: string) => boolean;
}

const NAME_PATTERN = /^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/;
/** RFC 1123 §2.1: a label, which is what a namespace is in DNS. */
const NAMESPACE_PATTERN = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** The metadata, pruned. Throws a ResourceError for an object without a usable name. */
export function objectMeta(raw: Raw, options: MetaOptions = {}): ObjectMeta {
  const meta = record(raw.metadata, ['metadata']);
  const name = text(meta.name, ['metadata', 'name']);
  if (!NAME_PATTERN.test(name) || name.length > 253) {
    throw new ResourceError(
      ['metadata', 'name'],
      name === ''
        ? 'is missing'
        : `must be lower-case letters, digits, "-" and ".", and is "${name}"`,
    );
  }
  const namespace = text(meta.namespace, ['metadata', 'namespace']);
  if (namespace !== '' && !NAMESPACE_PATTERN.test(namespace)) {
    throw new ResourceError(
      ['metadata', 'namespace'],
      `must be lower-case letters, digits and "-", and is ${JSON.stringify(namespace)}`,
    );
  }
  const versions = options.versions ?? false;
  return {
    name,
    namespace,
    uid: text(meta.uid, ['metadata', 'uid']),
    resourceVersion: versions ? text(meta.resourceVersion, ['metadata', 'resourceVersion']) : '',
    generation: versions && typeof meta.generation === 'number' ? meta.generation : 0,
    creationTimestamp: text(meta.creationTimestamp, ['metadata', 'creationTimestamp']),
    labels: textMap(meta.labels, ['metadata', 'labels'], options.labels),
    annotations: textMap(
      meta.annotations,
      ['metadata', 'annotations'],
      options.annotations ?? (() => false),
    ),
    ownerReferences: records(meta.ownerReferences, ['metadata', 'ownerReferences']).map(
      (owner, position): OwnerReference => {
        const path = ['metadata', 'ownerReferences', position];
        return {
          apiVersion: text(owner.apiVersion, [...path, 'apiVersion']),
          kind: text(owner.kind, [...path, 'kind']),
          name: text(owner.name, [...path, 'name']),
          controller: owner.controller === true,
        };
      },
    ),
  };
}
