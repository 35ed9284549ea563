import { createHash } from 'node:crypto';
import type { ElectionSpec, Resource } from '../../control-plane/model/types.ts';
import type {
  MeshState,
  ResourceSet,
  SidecarIdentity,
  Snapshot,
  Subscription,
  VersionedResource,
} from '../../control-plane/snapshot/types.ts';

/**
 * A mesh without a source: tests put services and details into it. Every sidecar
 * sees all services, and the endpoints of those that it subscribed to.
 */
export class HandMadeMesh implements MeshState {
  synced = true;
  elections: ElectionSpec[] = [];
  #shared: ResourceSet = { byName: new Map() };
  #sharedVersion: string | undefined;
  readonly #details = new Map<string, VersionedResource>();
  readonly #listeners = new Set<() => void>();

  /** A service with an address, in the index that all sidecars share. */
  setService(name: string, address: string): void {
    const byName = new Map(this.#shared.byName);
    const service = versioned(`service/shop/${name}`, {
      kind: 'service',
      namespace: 'shop',
      name,
      addresses: [address],
      ports: [{ port: 80, name: 'http', protocol: 'http1' }],
    });
    byName.set(service.name, service);
    this.#shared = { byName };
    this.#sharedVersion = undefined;
  }

  deleteService(name: string): void {
    const byName = new Map(this.#shared.byName);
    byName.delete(`service/shop/${name}`);
    this.#shared = { byName };
    this.#sharedVersion = undefined;
  }

  /** The pods behind a service. */
  setEndpoints(name: string, ...addresses: string[]): void {
    this.set(`endpoints/shop/${name}`, {
      kind: 'endpoints',
      service: `shop/${name}`,
      endpoints: addresses.map((address) => ({
        address,
        ports: [{ servicePort: 80, targetPort: 8080 }],
        workload: workloadAt(address),
      })),
    });
  }

  /** Any detail. */
  set(name: string, resource: Resource): void {
    this.#details.set(name, versioned(name, resource));
  }

  /** Tells the listeners, as the real one does at the end of a turn. */
  changed(): void {
    for (const listener of this.#listeners) listener();
  }

  snapshot(sidecar: SidecarIdentity, subscription: Subscription): Snapshot {
    const own = new Map<string, VersionedResource>();
    const settings = versioned('settings', {
      kind: 'settings',
      workload: sidecar.pod,
      trustDomain: 'cluster.local',
      inboundPorts: [],
      elections: [],
    });
    own.set('settings', settings);
    for (const service of subscription.services) {
      for (const kind of ['routes', 'endpoints']) {
        const item = this.#details.get(`${kind}/${service}`);
        if (item !== undefined) own.set(item.name, item);
      }
    }
    for (const address of subscription.addresses) {
      own.set(`workload/${address}`, versioned(`workload/${address}`, workloadAt(address)));
    }
    this.#sharedVersion ??= versionOf(this.#shared);
    const version = hash([versionOf({ byName: own }), this.#sharedVersion]);
    return { version, shared: this.#shared, own: { byName: own } };
  }

  electionsOf(namespace: string, pod: string): readonly ElectionSpec[] {
    return this.elections.filter(
      (election) => election.namespace === namespace && election.candidates.has(pod),
    );
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

function versioned(name: string, resource: Resource): VersionedResource {
  return { name, version: hash(resource), resource };
}

function versionOf({ byName }: ResourceSet): string {
  return hash([...byName.values()].map((item) => `${item.name}=${item.version}`).sort());
}

function workloadAt(address: string) {
  return {
    kind: 'workload',
    address,
    pod: `pod-${address}`,
    namespace: 'shop',
    workload: 'cart',
    serviceAccount: 'cart',
    node: 'one',
    zone: '',
    trunkPort: 15008,
  } as const;
}

function hash(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('base64url').slice(0, 16);
}
