import type { Clock, Timer } from '../../runtime/clock.ts';
import type { Component } from '../../runtime/component.ts';
import type { ClusterSource } from '../compile.ts';
import type { Config, Endpoint, ServiceName, Workload } from '../config/types.ts';
import type { ConfigView } from '../config/view.ts';
import type { TrafficObserver } from '../telemetry/types.ts';
import { type ClusterOptions, EndpointCluster, type Target } from './cluster.ts';
import { type ClusterPolicy, clusterPolicies, portKey } from './cluster-policy.ts';
import type { Dialer } from './dialer.ts';
import { ExternalClusters } from './external-clusters.ts';
import { dnsQuery, HostResolver, isOutside } from './host-resolver.ts';
import type { Cluster } from './types.ts';

const SWEEP_INTERVAL_MS = 1_000;
/** Addresses come and go with pods; a cluster that was not used for this long is forgotten. */
const DIRECT_KEPT_MS = 60_000;

export interface ClusterRegistryOptions {
  readonly view: ConfigView;
  /** To peers: the trunk where there is one. */
  readonly dialer: Dialer;
  /** To the pod's own application. */
  readonly localDialer: Dialer;
  readonly observer: TrafficObserver;
  readonly clock: Clock;
  readonly random?: () => number;
  /** Of hosts outside of the mesh; by DNS unless another one is given. */
  readonly resolver?: HostResolver;
  /** Names this pod, for balancers that go by the source. */
  readonly source: string;
}

/**
 * All clusters of the sidecar. Configurations come and go; the connections and
 * what is known of endpoints stay here.
 */
export class ClusterRegistry implements ClusterSource, Component {
  readonly name = 'clusters';
  readonly #options: ClusterRegistryOptions;
  readonly #services = new Map<string, EndpointCluster>();
  readonly #direct = new Map<string, { cluster: EndpointCluster; target: Target }>();
  /** The application mostly has one port, which is asked for with every request. */
  #lastLocal: { address: string; port: number; cluster: Cluster } | undefined;
  #policies: ReadonlyMap<string, ClusterPolicy> = new Map();
  #unsubscribe: (() => void) | undefined;
  #timer: Timer | undefined;

  readonly outside: ExternalClusters;

  constructor(options: ClusterRegistryOptions) {
    this.#options = options;
    const { clock, resolver = new HostResolver(clock, dnsQuery(false), isOutside) } = options;
    this.outside = new ExternalClusters(
      resolver,
      options.localDialer,
      (name, { service, dialer }) =>
        this.#create({
          ...{ name, service, dialer, avoidsFailing: true, remote: true },
          want: () => undefined,
        }),
    );
  }

  start(): void {
    const { view } = this.#options;
    this.#apply(view.current, undefined);
    this.#unsubscribe = view.onChange((next, previous) => this.#apply(next, previous));
    this.#arm();
  }

  /** Idle connections end; those on loan belong to their borrowers. */
  stop(): void {
    this.#unsubscribe?.();
    this.#timer?.cancel();
    for (const cluster of this.#services.values()) cluster.close();
    for (const { cluster } of this.#direct.values()) cluster.close();
    this.outside.close();
    this.#services.clear();
    this.#direct.clear();
    this.#lastLocal = undefined;
  }

  cluster(service: ServiceName, port: number): Cluster {
    const key = portKey(service, port);
    const existing = this.#services.get(key);
    if (existing !== undefined) return existing;
    const { view, dialer } = this.#options;
    const cluster = this.#create({
      name: key,
      service,
      dialer,
      avoidsFailing: true,
      remote: true,
      want: () => view.wantService(service),
    });
    this.#services.set(key, cluster);
    cluster.configure(this.#policies.get(key), view.current.settings.zone);
    cluster.update(targets(view.current, service, port));
    return cluster;
  }

  /**
   * The cluster of one address that no service stands for.
   *
   * @param host an address, or a name for the explicit proxy
   * @param workload who answers there, when somebody of the mesh does
   */
  direct(host: string, port: number, workload: Workload | undefined): Cluster {
    const target = { endpoint: directEndpoint(host, workload), port };
    return this.#single(`direct:${host}:${port}`, target, this.#options.dialer);
  }

  /** The pod's own application. */
  local(address: string, port: number): Cluster {
    const last = this.#lastLocal;
    if (last !== undefined && last.port === port && last.address === address) return last.cluster;
    const target = { endpoint: directEndpoint(address, undefined), port };
    const cluster = this.#single(`local:${address}:${port}`, target, this.#options.localDialer);
    this.#lastLocal = { address, port, cluster };
    return cluster;
  }

  /** For `/config_dump`. */
  describe(): Record<string, object> {
    const all = [
      ...this.#services.values(),
      ...[...this.#direct.values()].map(({ cluster }) => cluster),
      ...this.outside.all(),
    ];
    return Object.fromEntries(
      all.map((cluster) => [
        cluster.name,
        { ...cluster.describePolicy(), endpoints: cluster.describe() },
      ]),
    );
  }

  #single(key: string, target: Target, dialer: Dialer): Cluster {
    const existing = this.#direct.get(key);
    if (existing?.target.endpoint.workload === target.endpoint.workload) return existing.cluster;
    const cluster =
      existing?.cluster ??
      this.#create({
        name: key,
        service: '',
        dialer,
        avoidsFailing: false,
        remote: dialer !== this.#options.localDialer,
        want: () => undefined,
      });
    this.#direct.set(key, { cluster, target });
    cluster.update([target]);
    return cluster;
  }

  #create(own: Omit<ClusterOptions, 'observer' | 'clock' | 'random' | 'source'>): EndpointCluster {
    const { observer, clock, random = Math.random, source } = this.#options;
    return new EndpointCluster({ ...own, observer, clock, random, source });
  }

  #apply(next: Config, previous: Config | undefined): void {
    if (next.routes !== previous?.routes) this.#policies = clusterPolicies(next.routes);
    for (const [key, cluster] of this.#services) {
      const separator = key.lastIndexOf(':');
      const service = key.slice(0, separator);
      if (previous?.services.has(service) === true && !next.services.has(service)) {
        // The name may come back as another service; whoever still holds this one finds nobody.
        this.#services.delete(key);
        cluster.close();
        continue;
      }
      cluster.configure(this.#policies.get(key), next.settings.zone);
      if (next.endpoints.get(service) === previous?.endpoints.get(service)) continue;
      cluster.update(targets(next, service, Number(key.slice(separator + 1))));
    }
  }

  #arm(): void {
    this.#timer = this.#options.clock.setTimeout(() => {
      this.#sweep();
      this.#arm();
    }, SWEEP_INTERVAL_MS);
  }

  #sweep(): void {
    const now = this.#options.clock.monotonicMs();
    for (const cluster of this.#services.values()) cluster.sweep(now);
    this.outside.sweep(now, DIRECT_KEPT_MS);
    for (const [key, { cluster }] of this.#direct) {
      cluster.sweep(now);
      // Not closed: nothing is open on it, and a connection that was accepted long
      // ago may still come to use it.
      if (cluster.unusedForMs(now) < DIRECT_KEPT_MS) continue;
      this.#direct.delete(key);
      this.#lastLocal = undefined;
    }
  }
}

/** The endpoints that serve a port; undefined while they are not known. */
function targets(config: Config, service: ServiceName, port: number): Target[] | undefined {
  return config.endpoints.get(service)?.endpoints.flatMap((endpoint) => {
    const targetPort = endpoint.ports.get(port);
    return targetPort === undefined ? [] : [{ endpoint, port: targetPort }];
  });
}

/** Stands for whoever is not of the mesh: all unknown, no trunk. */
const NOBODY: Workload = {
  address: '',
  pod: '',
  namespace: 'unknown',
  workload: 'unknown',
  serviceAccount: '',
  node: '',
  zone: '',
  trunkPort: 0,
};

/** An endpoint made up for an address; where nobody is known, it is reached in plain text. */
function directEndpoint(address: string, workload: Workload | undefined): Endpoint {
  return {
    address,
    ports: new Map(),
    workload: workload ?? NOBODY,
  };
}
