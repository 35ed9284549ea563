import type { ElectionSpec, Resource } from '../model/types.ts';

/** Who a sidecar is: its token proved namespace, service account and pod. */
export interface SidecarIdentity {
  readonly pod: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly addresses: readonly string[];
}

/** What a sidecar has asked details of. Grows, never shrinks. */
export interface Subscription {
  /** `<namespace>/<name>` */
  readonly services: ReadonlySet<string>;
  readonly addresses: ReadonlySet<string>;
}

export interface VersionedResource {
  /** As in config.proto: `routes/shop/cart`. */
  readonly name: string;
  /** A hash of the resource; equal versions mean equal resources. */
  readonly version: string;
  readonly resource: Resource;
}

/** Resources by name. The same object until one of them changes, so that sidecars can share it. */
export interface ResourceSet {
  readonly byName: ReadonlyMap<string, VersionedResource>;
}

/** Everything that one sidecar should hold. */
export interface Snapshot {
  /** A hash over the names and versions of all its resources. */
  readonly version: string;
  /** The service index, shared by all sidecars that see the same services. */
  readonly shared: ResourceSet;
  /** Its settings and the details that it asked for. */
  readonly own: ResourceSet;
}

/** The mesh as the streams see it. */
export interface MeshState {
  /** True once every watched kind has been listed. */
  readonly synced: boolean;
  /** A pure function of the state: cheap, synchronous. */
  snapshot(sidecar: SidecarIdentity, subscription: Subscription): Snapshot;
  /** The elections in which a pod is a candidate. */
  electionsOf(namespace: string, pod: string): readonly ElectionSpec[];
  /** Called after changes, at most once a turn of the event loop; returns the way to stop it. */
  onChange(listener: () => void): () => void;
}
