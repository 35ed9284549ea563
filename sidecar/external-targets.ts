import { isIP } from 'node:net';
import type { Clock } from '../runtime/clock.ts';
import type { ExternalPort, ExternalService } from './config/types.ts';
import type { Guards } from './guards.ts';
import { effectivePolicy } from './policy/defaults.ts';
import { httpsScheme } from './policy/https-scheme.ts';
import { responseLayersOf } from './policy/layer.ts';
import { outboundLayers } from './policy/outbound.ts';
import { SharedCounts } from './policy/shared-counts.ts';
import type { ConnectionWay } from './route/connections.ts';
import { matchesHost } from './route/host-pattern.ts';
import type { HttpTarget } from './route/route.ts';
import { singleRoute } from './route/table.ts';
import type { ExternalClusters, ExternalSpec } from './upstream/external-clusters.ts';
import type { HostResolver } from './upstream/host-resolver.ts';
import { TlsDialer } from './upstream/tls-dialer.ts';
import type { Cluster } from './upstream/types.ts';

/** The world is farther away than the next pod. */
const CONNECT_TIMEOUT_MS = 10_000;
/** Of the hosts that applications have called under "*.". */
const MAX_TARGETS = 1024;

/** A port of a host outside of the mesh. */
export interface ExternalTarget {
  readonly way: ConnectionWay;
  readonly http: HttpTarget;
}

export interface ExternalTargetsOptions {
  readonly externals: ReadonlyMap<string, ExternalService>;
  readonly clusters: ExternalClusters;
  readonly clock: Clock;
  readonly guards: Guards;
  readonly accessLogged: boolean;
}

interface Entry {
  readonly external: ExternalService;
  readonly port: ExternalPort;
  readonly host: string;
}

interface Made {
  readonly key: string;
  readonly spec: ExternalSpec;
  readonly counts: SharedCounts;
  target: (ExternalTarget & { readonly cluster: Cluster }) | undefined;
}

/** The hosts outside of the mesh that are registered, as lookup tables. */
export class ExternalTargets {
  readonly #options: ExternalTargetsOptions;
  /** By the port that is called; exact hosts first, then the longest pattern, then by name. */
  readonly #byPort = new Map<number, Entry[]>();
  readonly #made = new Map<string, Made>();

  constructor(options: ExternalTargetsOptions) {
    this.#options = options;
    for (const [, external] of [...options.externals].sort(([a], [b]) => (a < b ? -1 : 1))) {
      for (const port of external.ports) {
        const entries = this.#byPort.get(port.port) ?? [];
        this.#byPort.set(port.port, entries);
        for (const host of external.hosts) entries.push({ external, port, host });
      }
    }
    for (const entries of this.#byPort.values()) entries.sort(moreSpecific);
  }

  get resolver(): HostResolver {
    return this.#options.clusters.resolver;
  }

  /** @param protocol undefined where the host itself is what was asked for */
  byHost(
    host: string,
    port: number,
    protocol: ExternalPort['protocol'] | undefined,
  ): (ExternalTarget & { readonly protocol: ExternalPort['protocol'] }) | undefined {
    const entry = this.#byPort
      .get(port)
      ?.find(
        (one) =>
          (protocol === undefined || one.port.protocol === protocol) && matchesHost(one.host, host),
      );
    return entry && { ...this.#target(entry, host), protocol: entry.port.protocol };
  }

  /** Of TCP: by what its hosts resolve to, and by the addresses that were given. */
  byAddress(address: string, port: number): ExternalTarget | undefined {
    const entry = this.#byPort
      .get(port)
      ?.find(
        (one) =>
          one.port.protocol === 'tcp' &&
          namesOf(one).some((name) =>
            isIP(name) === 0
              ? this.#options.clusters.resolver.has(name, address)
              : name === address,
          ),
      );
    return entry && this.#target(entry, entry.host);
  }

  /** Names whose addresses decide about TCP to this port, and which are not known yet. */
  unresolved(port: number): string[] {
    return (this.#byPort.get(port) ?? [])
      .filter((entry) => entry.port.protocol === 'tcp')
      .flatMap(namesOf)
      .filter(
        (name) => isIP(name) === 0 && this.#options.clusters.resolver.addresses(name) === undefined,
      );
  }

  #target(entry: Entry, host: string): ExternalTarget {
    const { external, port } = entry;
    const key = `external/${external.namespace}/${external.name}:${port.port}/${host}`;
    let made = this.#made.get(key);
    if (made === undefined) {
      if (this.#made.size >= MAX_TARGETS) this.#made.clear();
      const counts = new SharedCounts(this.#options.clock);
      made = { key, spec: this.#spec(entry, host), counts, target: undefined };
      this.#made.set(key, made);
    }
    // Asked anew, because a cluster that was not used for a while is forgotten.
    const cluster = this.#options.clusters.get(key, made.spec);
    if (made.target?.cluster !== cluster) made.target = this.#make(entry, host, made, cluster);
    return made.target;
  }

  #spec({ external, port, host: party }: Entry, host: string): ExternalSpec {
    const { clock, clusters } = this.#options;
    const { tls, targetPort } = port;
    return {
      service: serviceOf(external),
      party,
      endpoints: external.endpoints.length > 0 ? external.endpoints : [host],
      port: targetPort,
      policy: external.policy,
      dialer:
        tls === undefined
          ? clusters.plainDialer
          : new TlsDialer({
              clock,
              serverName: tls.serverName || host,
              caCertificates: tls.caCertificates,
              speaksHttp: port.protocol === 'http1',
            }),
    };
  }

  #make(
    { external, port, host: party }: Entry,
    host: string,
    { counts }: Made,
    cluster: Cluster,
  ): ExternalTarget & { readonly cluster: Cluster } {
    const told = external.policy;
    const connectTimeoutMs = told.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
    const policy = { ...effectivePolicy(told, counts), connectTimeoutMs };
    const { accessLogged, guards } = this.#options;
    const filters = port.tls === undefined ? [] : [httpsScheme];
    const layers = outboundLayers(policy, accessLogged, filters, guards.of(told));
    const responseLayers = responseLayersOf(layers);
    const service = serviceOf(external);
    const { connectRetries } = policy;
    return {
      cluster,
      way: {
        service,
        cluster,
        tcp: { connectTimeoutMs, connectRetries, idleTimeoutMs: told.idleTimeoutMs ?? 0 },
      },
      http: {
        service,
        authority: host,
        destination: { namespace: 'external', workload: party },
        routes: singleRoute({ name: '', cluster, policy, layers, responseLayers }),
      },
    };
  }
}

function namesOf({ external, host }: Entry): readonly string[] {
  return external.endpoints.length > 0 ? external.endpoints : [host];
}

function serviceOf({ namespace, name }: ExternalService): string {
  return `external/${namespace}/${name}`;
}

function moreSpecific(a: Entry, b: Entry): number {
  const rank = ({ host }: Entry) => (host.startsWith('*.') ? host.length : 1000);
  return rank(b) - rank(a);
}
