import { isIP } from 'node:net';
import type { Endpoint } from '../config/types.ts';
import type { EndpointCluster } from './cluster.ts';
import type { ClusterPolicy } from './cluster-policy.ts';
import type { Dialer } from './dialer.ts';
import type { HostResolver } from './host-resolver.ts';
import type { Cluster } from './types.ts';

/** What a host outside of the mesh is reached by. */
export interface ExternalSpec {
  /** For records. */
  readonly service: string;
  /** Of the endpoints, for records: the host as it was registered. */
  readonly party: string;
  /** Addresses, and names of hosts to resolve. */
  readonly endpoints: readonly string[];
  readonly port: number;
  readonly dialer: Dialer;
  readonly policy: ClusterPolicy;
}

interface Kept {
  readonly spec: ExternalSpec;
  readonly cluster: EndpointCluster;
  /** What the names had for addresses when the cluster was told. */
  told: readonly (readonly string[] | undefined)[];
}

/** Clusters of hosts outside of the mesh, as long as somebody uses them. */
export class ExternalClusters {
  readonly resolver: HostResolver;
  /** Without any TLS of ours. */
  readonly plainDialer: Dialer;
  readonly #create: (key: string, spec: ExternalSpec) => EndpointCluster;
  readonly #kept = new Map<string, Kept>();

  constructor(
    resolver: HostResolver,
    plainDialer: Dialer,
    create: (key: string, spec: ExternalSpec) => EndpointCluster,
  ) {
    this.resolver = resolver;
    this.plainDialer = plainDialer;
    this.#create = create;
  }

  /** The same cluster for the same key as long as the same object specifies it. */
  get(key: string, spec: ExternalSpec): Cluster {
    let kept = this.#kept.get(key);
    if (kept !== undefined && kept.spec !== spec) {
      kept.cluster.close();
      kept = undefined;
    }
    if (kept === undefined) {
      kept = { spec, cluster: this.#create(key, spec), told: [] };
      kept.cluster.configure(spec.policy);
      this.#kept.set(key, kept);
    }
    this.#refresh(kept);
    return kept.cluster;
  }

  /** Those that are open, for all that concerns clusters alike. */
  *all(): Iterable<EndpointCluster> {
    for (const { cluster } of this.#kept.values()) yield cluster;
  }

  sweep(nowMs: number, keptMs: number): void {
    for (const [key, { cluster }] of this.#kept) {
      cluster.sweep(nowMs);
      if (cluster.unusedForMs(nowMs) >= keptMs) this.#kept.delete(key);
    }
  }

  close(): void {
    for (const { cluster } of this.#kept.values()) cluster.close();
    this.#kept.clear();
  }

  #refresh(kept: Kept): void {
    const { spec, cluster, told } = kept;
    const found = spec.endpoints.map((endpoint) => {
      if (isIP(endpoint) !== 0) return undefined;
      const addresses = this.resolver.addresses(endpoint);
      if (addresses === undefined) this.resolver.onAnswer(endpoint, () => this.#refresh(kept));
      return addresses;
    });
    if (told.length > 0 && found.every((addresses, i) => addresses === told[i])) return;
    const known = spec.endpoints.flatMap((endpoint, i) =>
      isIP(endpoint) === 0 ? (found[i] ?? []) : [endpoint],
    );
    // Nothing is known yet: who asks waits.
    const isAwaited = found.some(
      (addresses, i) => isIP(spec.endpoints[i] ?? '') === 0 && !addresses,
    );
    if (known.length === 0 && isAwaited) return;
    kept.told = found;
    cluster.update(
      [...new Set(known)].map((address) => ({
        endpoint: endpointAt(address, spec.party),
        port: spec.port,
      })),
    );
  }
}

function endpointAt(address: string, party: string): Endpoint {
  const workload = { address, pod: '', namespace: 'external', workload: party };
  return {
    address,
    ports: new Map(),
    workload: { ...workload, serviceAccount: '', node: '', zone: '', trunkPort: 0 },
  };
}
