import type { Clock } from '../../runtime/clock.ts';
import type { SocketAddress } from '../../runtime/env.ts';
import type { MeshError } from '../../runtime/errors.ts';
import type { EventLog } from '../../runtime/throttled-log.ts';
import type { AccessLog } from '../access-log/access-log.ts';
import { type CompiledConfig, directTarget } from '../compile.ts';
import type { Protocol } from '../config/types.ts';
import type { HttpContext } from '../context.ts';
import type { TcpPolicy } from '../route/connections.ts';
import type { HttpTarget } from '../route/route.ts';
import { type Party, type TrafficObserver, UNKNOWN_PARTY } from '../telemetry/types.ts';
import type { OwnedTransport, Peer } from '../transport.ts';
import { formatAuthority } from '../trunk/protocol.ts';
import type { ClusterRegistry } from '../upstream/clusters.ts';
import type { Cluster } from '../upstream/types.ts';
import { ServerFirstPorts } from './detect.ts';
import { DownstreamConnection } from './downstream.ts';
import { endBeforeRelay, logConnection } from './log-connection.ts';
import { canonicalAddress } from './original-destination.ts';

/** The application is on the same machine; what it keeps open is its own affair. */
const LOCAL_TCP: TcpPolicy = {
  connectTimeoutMs: 5_000,
  idleTimeoutMs: 0,
  connectRetries: 0,
};

/** Ports of the application whose targets are kept. */
const MAX_TARGETS = 256;

export interface InboundPlansOptions {
  readonly compiled: () => CompiledConfig;
  readonly clusters: ClusterRegistry;
  /** This pod, for the records. */
  readonly self: () => Party;
  readonly ownAddresses: readonly string[];
  /** Ports of the sidecar itself, to which nothing is forwarded. */
  readonly ownPorts: readonly number[];
  readonly observer: TrafficObserver;
  readonly clock: Clock;
  readonly log: EventLog;
  readonly accessLog?: AccessLog | undefined;
}

/** How connections to the application are served, whichever way they came in. */
export class InboundPlans {
  readonly #options: InboundPlansOptions;
  readonly #ownAddresses: ReadonlySet<string>;
  readonly #ownPorts: ReadonlySet<number>;
  readonly #serverFirst = new ServerFirstPorts();
  readonly #targets = new Map<Cluster, HttpTarget>();
  /** Of which configuration they are. */
  #compiled: CompiledConfig | undefined;

  constructor(options: InboundPlansOptions) {
    this.#options = options;
    this.#ownAddresses = new Set(options.ownAddresses.map(canonicalAddress));
    this.#ownPorts = new Set(options.ownPorts);
  }

  /** Only the pod's own addresses, and none of the sidecar's ports: a sidecar is no way to other places. */
  allows({ host, port }: SocketAddress): boolean {
    return this.#ownAddresses.has(canonicalAddress(host)) && !this.#ownPorts.has(port);
  }

  /** This pod, for the records. */
  get self(): Party {
    return this.#options.self();
  }

  /** As it was declared. */
  protocol(port: number): Protocol {
    return this.#options.compiled().inboundProtocol(port);
  }

  cluster({ host, port }: SocketAddress): Cluster {
    return this.#options.clusters.local(host, port);
  }

  /** @param destination the application's address and port */
  serve(transport: OwnedTransport, destination: SocketAddress): DownstreamConnection {
    const { self, observer, clock, log, accessLog } = this.#options;
    const http = this.context(transport.peer, destination);
    const { source, mutualTls } = http;
    const plan = {
      direction: 'inbound',
      protocol: this.protocol(destination.port),
      key: String(destination.port),
      originalDestination: formatAuthority(destination.host, destination.port),
      service: '',
      source,
      destination: self(),
      mutualTls,
      cluster: this.cluster(destination),
      tcp: LOCAL_TCP,
      http,
    } as const;
    return new DownstreamConnection(transport, plan, {
      serverFirst: this.#serverFirst,
      observer,
      clock,
      log,
      accessLog,
    });
  }

  /** For requests of that client, on whatever they come. */
  context(peer: Peer, destination: SocketAddress): HttpContext {
    const { observer, clock, log, accessLog } = this.#options;
    return {
      direction: 'inbound',
      source: sourceOf(peer),
      mutualTls: peer.identity !== undefined,
      observer,
      clock,
      log,
      accessLog,
      resolve: () => this.#target(destination),
    };
  }

  /** Of a connection over the trunk that found no application. */
  logRefusal(client: Peer, destination: SocketAddress, error: MeshError): void {
    const { accessLog, self } = this.#options;
    if (accessLog === undefined) return;
    const plan = {
      direction: 'inbound',
      originalDestination: formatAuthority(destination.host, destination.port),
      service: '',
      source: sourceOf(client),
      destination: self(),
      mutualTls: client.identity !== undefined,
    } as const;
    const connection = { plan, client, hello: undefined, upstream: undefined, durationMs: 0 };
    logConnection(accessLog, connection, endBeforeRelay(error, true, 0));
  }

  #target(destination: SocketAddress): HttpTarget {
    const compiled = this.#options.compiled();
    if (compiled !== this.#compiled) {
      this.#compiled = compiled;
      this.#targets.clear();
    }
    const cluster = this.cluster(destination);
    let target = this.#targets.get(cluster);
    if (target === undefined) {
      if (this.#targets.size >= MAX_TARGETS) this.#targets.clear();
      target = directTarget({
        direction: 'inbound',
        authority: formatAuthority(destination.host, destination.port),
        destination: this.#options.self(),
        cluster,
        accessLogged: this.#options.accessLog !== undefined,
        guards: compiled.inboundGuards(destination.port),
      });
      this.#targets.set(cluster, target);
    }
    return target;
  }
}

/** What mTLS lets the peer say of itself; nothing is known of others. */
function sourceOf(peer: Peer): Party {
  return peer.workload ?? UNKNOWN_PARTY;
}
