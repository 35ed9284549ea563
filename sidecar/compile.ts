import type { Clock } from '../runtime/clock.ts';
import type { Mirror } from './config/filters.ts';
import { rateLimitsOf } from './config/rate-limits.ts';
import type {
  Config,
  HttpRule,
  Port,
  PortRoutes,
  Protocol,
  Routes,
  Service,
  ServiceName,
} from './config/types.ts';
import { ExternalTargets } from './external-targets.ts';
import { Guards } from './guards.ts';
import { DEFAULT_POLICY, effectivePolicy, NO_POLICY } from './policy/defaults.ts';
import { type FilterPlace, filterLayers } from './policy/filters/filter-layers.ts';
import { inboundLayers } from './policy/inbound.ts';
import { type Layer, responseLayersOf } from './policy/layer.ts';
import { mirrorLayers, mirrorPolicy } from './policy/mirror.ts';
import { outboundLayers } from './policy/outbound.ts';
import type { Limiters } from './policy/rate-limit/limiters.ts';
import { sessionLayers } from './policy/session.ts';
import { SharedCounts } from './policy/shared-counts.ts';
import { type ConnectionTable, compileConnections, type TcpPolicy } from './route/connections.ts';
import type { HttpTarget, Route } from './route/route.ts';
import { compileRoutes, singleRoute } from './route/table.ts';
import { type Direction, type Party, UNKNOWN_PARTY } from './telemetry/types.ts';
import type { ExternalClusters } from './upstream/external-clusters.ts';
import type { Cluster } from './upstream/types.ts';

/** Gives the cluster of a service port; always the same one for the same names. */
export interface ClusterSource {
  cluster(service: ServiceName, port: number): Cluster;
  /** Hosts outside of the mesh; undefined where there is no way there. */
  readonly outside?: ExternalClusters;
}

/** A configuration as lookup tables. */
export interface CompiledConfig {
  readonly config: Config;
  /** By cluster IP and service port: the original destination of a connection. */
  target(address: string, port: number): OutboundTarget | undefined;
  /**
   * For the explicit proxy: `svc`, `svc.ns`, `svc.ns.svc`, `svc.ns.svc.<cluster
   * domain>` or a cluster IP.
   *
   * @param ownNamespace where a bare `svc` is looked up
   */
  targetByHost(host: string, port: number, ownNamespace: string): OutboundTarget | undefined;
  /** A cluster IP, whatever its ports. */
  isServiceAddress(address: string): boolean;
  /** A name of a service, or with `.svc` in it that of one of its pods. An alias of a host elsewhere is none. */
  isServiceHost(host: string, ownNamespace: string): boolean;
  /** Undefined where nothing outside of the mesh is registered. */
  readonly externals: ExternalTargets | undefined;
  /** Of one of the pod's own ports. */
  inboundProtocol(port: number): Protocol;
  /** What may hold or refuse a request to one of the pod's own ports. */
  inboundGuards(port: number): readonly Layer[];
}

/** One port of one service. */
export interface OutboundTarget {
  readonly name: ServiceName;
  readonly service: Service;
  readonly port: Port;
  readonly protocol: Protocol;
  /** Its routes and endpoints have arrived; before, ask for them and wait. */
  readonly detailsKnown: boolean;
  readonly http: HttpTarget;
  /** For connections that are not HTTP. */
  readonly cluster: Cluster;
  readonly tcp: TcpPolicy;
  /** Where routes are for connections: these decide, and nothing is parsed. */
  readonly connections: ConnectionTable | undefined;
}

/** Cluster domains other than the trust domain under which services are known. */
const CLUSTER_DOMAIN = 'cluster.local';
/** The `version` of a configuration from a file, which is whole from the start. */
const STATIC_VERSION = 'static';

/**
 * Services are compiled when they are first asked for: a sidecar knows the names
 * of thousands and uses a few.
 *
 * @param previous what is in force now: whatever did not change is taken over from it
 * @param accessLogged whether requests are logged; the same for all configurations
 * @param limiters count for rate limits; the same for all configurations. Without them there are none
 */
export function compileConfig(
  config: Config,
  clusters: ClusterSource,
  clock: Clock,
  previous?: CompiledConfig,
  accessLogged = false,
  limiters?: Limiters,
): CompiledConfig {
  const before = previous instanceof Tables ? previous : undefined;
  return new Tables(config, clusters, clock, before, accessLogged, limiters);
}

class Tables implements CompiledConfig {
  readonly config: Config;
  readonly externals: ExternalTargets | undefined;
  readonly #clusters: ClusterSource;
  readonly #clock: Clock;
  readonly #accessLogged: boolean;
  readonly #guards: Guards;
  readonly #byAddress: ReadonlyMap<string, Service>;
  readonly #inbound: ReadonlyMap<number, Protocol>;
  readonly #inboundGuards: ReadonlyMap<number, readonly Layer[]>;
  readonly #targets = new Map<string, Compiled>();
  /** By cluster; they outlive configurations. */
  readonly #counts: WeakMap<Cluster, SharedCounts>;

  constructor(
    config: Config,
    clusters: ClusterSource,
    clock: Clock,
    previous: Tables | undefined,
    accessLogged: boolean,
    limiters: Limiters | undefined,
  ) {
    this.config = config;
    this.#clusters = clusters;
    this.#clock = clock;
    this.#accessLogged = accessLogged;
    this.#guards = new Guards(clock, limiters);
    this.#counts = previous === undefined ? new WeakMap() : previous.#counts;
    this.#byAddress =
      previous !== undefined && previous.config.services === config.services
        ? previous.#byAddress
        : indexAddresses(config.services);
    this.externals =
      previous !== undefined && previous.config.externals === config.externals
        ? previous.externals
        : this.#compileExternals(config.externals);
    this.#inbound = new Map(config.settings.inboundPorts.map((port) => [port.port, port.protocol]));
    limiters?.retain(rateLimitsOf(config));
    this.#inboundGuards = new Map(
      config.settings.rateLimits?.map(({ port, limits }) => [
        port,
        this.#guards.rateLimits(limits),
      ]),
    );
    if (previous === undefined) return;
    for (const [key, compiled] of previous.#targets) {
      if (this.#isCurrent(compiled, previous.config)) this.#targets.set(key, compiled);
    }
  }

  target(address: string, port: number): OutboundTarget | undefined {
    const service = this.#byAddress.get(address);
    return service === undefined ? undefined : this.#target(service, port);
  }

  targetByHost(host: string, port: number, ownNamespace: string): OutboundTarget | undefined {
    const service = this.#byHost(host, ownNamespace);
    return service === undefined ? this.target(host, port) : this.#target(service, port);
  }

  isServiceAddress(address: string): boolean {
    return this.#byAddress.has(address);
  }

  isServiceHost(host: string, ownNamespace: string): boolean {
    if (this.#byHost(host, ownNamespace) !== undefined) return true;
    // Without `.svc` it could as well be a domain somewhere that is called like the service.
    const [, ofService] = /^[^.]+\.([^.]+\.[^.]+\.svc(?:\..*)?)$/.exec(host) ?? [];
    return ofService !== undefined && this.#byHost(ofService, ownNamespace) !== undefined;
  }

  #byHost(host: string, ownNamespace: string): Service | undefined {
    const bare = host.endsWith('.') ? host.slice(0, -1) : host;
    const [name, namespace = ownNamespace, svc, ...domain] = bare.split('.');
    const known =
      (svc === undefined || svc === 'svc') &&
      [CLUSTER_DOMAIN, this.config.settings.trustDomain, ''].includes(domain.join('.'));
    return known ? this.config.services.get(`${namespace}/${name}`) : undefined;
  }

  #compileExternals(externals: Config['externals']): ExternalTargets | undefined {
    if (externals === undefined || externals.size === 0) return undefined;
    const clusters = this.#clusters.outside;
    if (clusters === undefined) return undefined;
    return new ExternalTargets({
      ...{ externals, clusters, clock: this.#clock, guards: this.#guards },
      accessLogged: this.#accessLogged,
    });
  }

  inboundProtocol(port: number): Protocol {
    return this.#inbound.get(port) ?? 'detect';
  }

  inboundGuards(port: number): readonly Layer[] {
    return this.#inboundGuards.get(port) ?? NO_LAYERS;
  }

  #target(service: Service, portNumber: number): OutboundTarget | undefined {
    const key = `${service.namespace}/${service.name}:${portNumber}`;
    const compiled = this.#targets.get(key);
    if (compiled !== undefined) return compiled.target;
    const port = service.ports.find((candidate) => candidate.port === portNumber);
    if (port === undefined) return undefined;
    const fresh = this.#compile(service, port);
    this.#targets.set(key, fresh);
    return fresh.target;
  }

  #compile(service: Service, port: Port): Compiled {
    const name: ServiceName = `${service.namespace}/${service.name}`;
    const services = new Set([name]);
    const routes = portRoutes(this.config.routes.get(name), port.port);
    const cluster = this.#clusters.cluster(name, port.port);
    const placeOf = (rule: HttpRule): FilterPlace => ({
      matches: rule.matches,
      calledPort: port.port,
      toMirror: (mirror) => {
        services.add(mirror.service);
        return this.#mirrorTarget(rule, mirror);
      },
      random: Math.random,
    });
    const connections =
      routes.connectionRules &&
      compileConnections(routes.connectionRules, (rule, backend) => {
        services.add(backend.service);
        const to = this.#clusters.cluster(backend.service, backend.port);
        return { cluster: to, tcp: this.#tcp(rule.policy, to) };
      });
    const table = compileRoutes(withConnectionRules(routes), {
      toBackend: (rule, backend) => {
        services.add(backend.service);
        const target = this.#clusters.cluster(backend.service, backend.port);
        const place = placeOf(rule);
        const filters = [
          ...filterLayers(rule.filters, place),
          ...filterLayers(backend.filters, place),
          ...sessionLayers(rule, target.name),
        ];
        return this.#route(rule.name, target, rule.policy, filters);
      },
      toAnswer: (rule) => {
        const filters = filterLayers(rule.filters, placeOf(rule));
        return this.#route(rule.name, cluster, rule.policy, filters);
      },
      toService: () => this.#route('', cluster, routes.policy, []),
    });
    const target: OutboundTarget = {
      name,
      service,
      port,
      protocol: port.protocol,
      detailsKnown: detailsKnown(this.config, name),
      http: {
        service: name,
        authority: `${service.name}.${service.namespace}`,
        destination: { namespace: service.namespace, workload: UNKNOWN_PARTY.workload },
        routes: table,
      },
      cluster,
      tcp: this.#tcp(routes.policy, cluster),
      connections,
    };
    return { target, services };
  }

  #tcp(policy: PortRoutes['policy'], cluster: Cluster): TcpPolicy {
    const { connectTimeoutMs, idleTimeoutMs, connectRetries } = effectivePolicy(
      policy,
      this.#countsOf(cluster),
    );
    return { connectTimeoutMs, idleTimeoutMs, connectRetries };
  }

  #route(
    name: string,
    cluster: Cluster,
    policyAsPushed: PortRoutes['policy'],
    filters: readonly Layer[],
  ): Route {
    const policy = effectivePolicy(policyAsPushed, this.#countsOf(cluster));
    const guards = this.#guards.of(policyAsPushed);
    const layers = outboundLayers(policy, this.#accessLogged, filters, guards);
    return { name, cluster, policy, layers, responseLayers: responseLayersOf(layers) };
  }

  #mirrorTarget(rule: HttpRule, { service, port }: Mirror): HttpTarget {
    const cluster = this.#clusters.cluster(service, port);
    const policy = mirrorPolicy(effectivePolicy(rule.policy, this.#countsOf(cluster)));
    const layers = mirrorLayers(this.#accessLogged);
    const [namespace = '', name = ''] = service.split('/');
    return {
      service,
      authority: `${name}.${namespace}`,
      destination: { namespace, workload: UNKNOWN_PARTY.workload },
      routes: singleRoute({ name: rule.name, cluster, policy, layers, responseLayers: [] }),
    };
  }

  #countsOf(cluster: Cluster): SharedCounts {
    let counts = this.#counts.get(cluster);
    if (counts === undefined) {
      counts = new SharedCounts(this.#clock);
      this.#counts.set(cluster, counts);
    }
    return counts;
  }

  /** Nothing that the target was made of has changed. */
  #isCurrent({ target, services }: Compiled, previous: Config): boolean {
    const { name } = target;
    for (const service of services) {
      if (this.config.services.get(service) !== previous.services.get(service)) return false;
    }
    return (
      this.config.routes.get(name) === previous.routes.get(name) &&
      detailsKnown(this.config, name) === target.detailsKnown
    );
  }
}

const NO_LAYERS: readonly Layer[] = [];

interface Compiled {
  readonly target: OutboundTarget;
  /** Itself and its backends: a service that was deleted and came back has another cluster. */
  readonly services: ReadonlySet<ServiceName>;
}

function indexAddresses(services: Config['services']): ReadonlyMap<string, Service> {
  const byAddress = new Map<string, Service>();
  for (const service of services.values()) {
    for (const address of service.addresses) byAddress.set(address, service);
  }
  return byAddress;
}

function detailsKnown(config: Config, name: ServiceName): boolean {
  if (config.version === STATIC_VERSION) return true;
  return config.routes.has(name) && config.endpoints.has(name);
}

function portRoutes(routes: Routes | undefined, port: number): PortRoutes {
  const known = routes?.ports.find((candidate) => candidate.port === port);
  return known ?? { port, routeBound: false, rules: [], policy: NO_POLICY };
}

/**
 * What an HTTP proxy is asked for on a port whose routes are for connections goes
 * where a connection would.
 */
function withConnectionRules(routes: PortRoutes): PortRoutes {
  const { connectionRules = [] } = routes;
  if (connectionRules.length === 0) return routes;
  const forAll = connectionRules.filter((rule) => !rule.tlsOnly && rule.serverNames.length === 0);
  return { ...routes, rules: forAll.map((rule) => ({ ...rule, matches: [] })) };
}

/** A destination without rules: a pod's address, or the pod's own application. */
export function directTarget(options: {
  direction: Direction;
  authority: string;
  destination: Party;
  cluster: Cluster;
  accessLogged: boolean;
  /** What may hold or refuse a request that comes in. */
  guards?: readonly Layer[];
}): HttpTarget {
  const { direction, authority, destination, cluster, accessLogged, guards } = options;
  const layers =
    direction === 'inbound'
      ? inboundLayers(accessLogged, guards)
      : outboundLayers(DEFAULT_POLICY, accessLogged);
  const route = {
    name: '',
    cluster,
    policy: DEFAULT_POLICY,
    layers,
    responseLayers: responseLayersOf(layers),
  };
  return { service: '', authority, destination, routes: singleRoute(route) };
}
