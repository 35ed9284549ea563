import type { Routes } from '../model/types.ts';
import type {
  ResourceSet,
  SidecarIdentity,
  Snapshot,
  Subscription,
  VersionedResource,
} from './types.ts';
import { digest, versionOf } from './version.ts';
import { routesFor, type VersionedRoutes } from './visibility.ts';

/** What a snapshot is made of. All of it is versioned already; only choosing is left. */
export interface SnapshotInputs {
  /** The index of the services that this sidecar may see. */
  readonly shared: SharedResources;
  readonly settingsOf: (sidecar: SidecarIdentity) => VersionedResource;
  readonly routesOf: (service: string) => VersionedRoutes | undefined;
  readonly endpointsOf: (service: string) => VersionedResource | undefined;
  /** Hosts outside of the mesh that pods of a namespace may know. */
  readonly externalsOf: (namespace: string) => readonly VersionedResource[];
  readonly workloadAt: (address: string) => VersionedResource;
}

/** A set that many sidecars hold, with the hash of the whole. */
export interface SharedResources {
  readonly set: ResourceSet;
  readonly version: string;
}

/**
 * What one sidecar should hold: settings, the shared index, the routes of the
 * services that it uses, the endpoints of these and of the backends to which
 * their routes lead or are mirrored, and who is at the addresses that it asked about.
 */
export function buildSnapshot(
  inputs: SnapshotInputs,
  sidecar: SidecarIdentity,
  subscription: Subscription,
): Snapshot {
  const own = new Map<string, VersionedResource>();
  const put = (resource: VersionedResource | undefined): void => {
    if (resource !== undefined) own.set(resource.name, resource);
  };
  put(inputs.settingsOf(sidecar));
  for (const external of inputs.externalsOf(sidecar.namespace)) put(external);
  const reached = new Set<string>();
  for (const service of subscription.services) {
    const routes = routesFor(inputs.routesOf(service), sidecar);
    // A service that does not exist has neither; the sidecar learns of it when it comes.
    if (routes === undefined) continue;
    put(routes);
    reached.add(service);
    for (const backend of backendsOf(routes.resource)) reached.add(backend);
  }
  for (const service of reached) put(inputs.endpointsOf(service));
  for (const address of subscription.addresses) put(inputs.workloadAt(address));
  const version = digest(`${inputs.shared.version} ${versionOf(own.values())}`);
  return { version, shared: inputs.shared.set, own: { byName: own } };
}

function* backendsOf(resource: VersionedResource['resource']): Iterable<string> {
  if (resource.kind !== 'routes') return;
  const { ports }: Routes = resource;
  for (const port of ports) {
    for (const rule of port.connectionRules ?? []) {
      for (const { invalid, service } of rule.backends) if (invalid === undefined) yield service;
    }
    for (const rule of port.rules) {
      for (const mirror of rule.filters?.mirrors ?? []) yield mirror.service;
      for (const { invalid, service, filters } of rule.backends) {
        if (invalid !== undefined) continue;
        yield service;
        for (const mirror of filters?.mirrors ?? []) yield mirror.service;
      }
    }
  }
}
