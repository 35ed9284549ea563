import type { Collection } from '../collections/collection.ts';

/** An object of the Kubernetes API, pruned to what the model reads. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  /**
   * Set when the metadata can be read but the rest cannot be understood or is
   * not supported. The object stands for its status alone then; what is in
   * force is the last one without.
   */
  readonly invalid?: InvalidSpec;
}

export interface InvalidSpec {
  /** As in a condition: `Invalid`, `UnsupportedValue`. */
  readonly reason: string;
  /** An operator's sentence. */
  readonly message: string;
  /** Where in the object, for the line in a file. */
  readonly path: readonly (string | number)[];
}

export interface ObjectMeta {
  readonly name: string;
  /** Empty for cluster-scoped objects. */
  readonly namespace: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation: number;
  readonly creationTimestamp: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly ownerReferences: readonly OwnerReference[];
}

/** `<namespace>/<name>`, or the name alone of a cluster-scoped object. */
export function resourceKey(metadata: Pick<ObjectMeta, 'namespace' | 'name'>): string {
  return metadata.namespace === '' ? metadata.name : `${metadata.namespace}/${metadata.name}`;
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly controller: boolean;
}

/** A kind to watch, and how its objects become ours. */
export interface WatchedKind<T extends KubernetesObject> {
  /** `v1`, `discovery.k8s.io/v1`, ... */
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  /** True where objects belong to no namespace; in files, the others get `default`. */
  readonly clusterScoped?: boolean;
  /** True where an API server may lack the kind: then the collection stays empty. */
  readonly optional: boolean;
  /**
   * Takes the object as read and keeps what the model needs. Throws a MeshError
   * (`bad-resource`) with an operator's sentence when it cannot be understood;
   * the last good one stays in force.
   */
  readonly parse: (raw: unknown) => T;
}

/** Where resources come from: a Kubernetes API or a folder of YAML. */
export interface ResourceSource {
  /** The objects of a kind, by `resourceKey`. Called before `start`. */
  collection<T extends KubernetesObject>(kind: WatchedKind<T>): Collection<T>;
  /** What could not be read or understood, for the status and the local view. */
  readonly problems: Collection<ResourceProblem>;
}

export interface ResourceProblem {
  /** `<kind>/<namespace>/<name>`, or the file's path and line. */
  readonly where: string;
  readonly message: string;
}
