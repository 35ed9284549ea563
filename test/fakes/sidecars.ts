import { after } from 'node:test';
import { systemClock } from '../../runtime/clock.ts';
import type { SocketAddress } from '../../runtime/env.ts';
import { silentLog } from '../../runtime/log.ts';
import { AccessLog } from '../../sidecar/access-log/access-log.ts';
import { type CompiledConfig, compileConfig } from '../../sidecar/compile.ts';
import type {
  Config,
  Endpoint,
  Policy,
  Protocol,
  ServiceName,
  Workload,
} from '../../sidecar/config/types.ts';
import type { ConfigView } from '../../sidecar/config/view.ts';
import type { CredentialSource } from '../../sidecar/identity/types.ts';
import { InboundListener } from '../../sidecar/listener/inbound.ts';
import { InboundPlans } from '../../sidecar/listener/inbound-plans.ts';
import { OutboundListener } from '../../sidecar/listener/outbound.ts';
import { ownPlaces } from '../../sidecar/listener/own-places.ts';
import { TrunkListener } from '../../sidecar/listener/trunk.ts';
import { Limiters } from '../../sidecar/policy/rate-limit/limiters.ts';
import type {
  ConnectionRecord,
  RequestRecord,
  TrafficObserver,
} from '../../sidecar/telemetry/types.ts';
import { TrunkClient } from '../../sidecar/trunk/client.ts';
import { ClusterRegistry } from '../../sidecar/upstream/clusters.ts';
import { MeshDialer, PlainDialer } from '../../sidecar/upstream/dialer.ts';
import { type HostQuery, HostResolver } from '../../sidecar/upstream/host-resolver.ts';

export const NO_POLICY: Policy = {
  sources: [],
  requestTimeoutMs: undefined,
  perTryTimeoutMs: undefined,
  connectTimeoutMs: undefined,
  idleTimeoutMs: undefined,
  retries: undefined,
  circuitBreaker: undefined,
  loadBalancer: undefined,
  limits: undefined,
};

/** A configuration that a test changes at will. */
export class FakeView implements ConfigView {
  current: Config = {
    version: '0',
    settings: { workload: 'app', trustDomain: 'cluster.local', inboundPorts: [], elections: [] },
    services: new Map(),
    routes: new Map(),
    endpoints: new Map(),
    workloads: new Map(),
  };
  readonly wanted: string[] = [];
  /** Called once for each thing that is wanted, as a control plane would be. */
  onWanted: (what: string) => void = () => {};
  beforeChange: (next: Config) => void = () => {};
  readonly #listeners = new Set<(next: Config, previous: Config) => void>();

  change(change: Partial<Config>): void {
    const previous = this.current;
    const next = { ...previous, ...change };
    this.beforeChange(next);
    this.current = next;
    for (const listener of [...this.#listeners]) listener(next, previous);
  }

  onChange(listener: (next: Config, previous: Config) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  wantService(service: ServiceName): void {
    this.#want(service);
  }

  wantAddress(address: string): void {
    this.#want(address);
  }

  /** A service with its cluster IP. Its endpoints are `undefined` as long as nobody told them. */
  service(
    name: ServiceName,
    address: string,
    port: number,
    protocol: Protocol,
    endpoints: readonly Endpoint[] | undefined,
  ): void {
    const [namespace = '', service = ''] = name.split('/');
    const ports = [{ port, name: '', protocol }];
    const value = { namespace, name: service, addresses: [address], ports };
    const services = new Map(this.current.services).set(name, value);
    if (endpoints === undefined) {
      this.change({ services });
      return;
    }
    const routes = {
      service: name,
      ports: [{ port, routeBound: false, rules: [], policy: NO_POLICY }],
    };
    this.change({
      services,
      endpoints: new Map(this.current.endpoints).set(name, { service: name, endpoints }),
      routes: new Map(this.current.routes).set(name, routes),
    });
  }

  workload(address: string, workload: Workload | null): void {
    this.change({ workloads: new Map(this.current.workloads).set(address, workload) });
  }

  #want(what: string): void {
    if (this.wanted.includes(what)) return;
    this.wanted.push(what);
    this.onWanted(what);
  }
}

/** Keeps what it is told. */
export class FakeObserver implements TrafficObserver {
  readonly requests: RequestRecord[] = [];
  readonly opened: ConnectionRecord[] = [];
  readonly closed: (ConnectionRecord & { bytesSent: number; bytesReceived: number })[] = [];
  readonly retries: string[] = [];
  readonly hedges: string[] = [];
  readonly ejections: string[] = [];
  readonly limitRefusals: string[] = [];
  readonly faults: string[] = [];
  readonly storeFailures: string[] = [];
  readonly refusals: string[] = [];

  requestFinished(record: RequestRecord): void {
    this.requests.push({ ...record });
  }

  connectionOpened(record: ConnectionRecord): void {
    this.opened.push({ ...record });
  }

  connectionClosed(record: ConnectionRecord, bytesSent: number, bytesReceived: number): void {
    this.closed.push({ ...record, bytesSent, bytesReceived });
  }

  hedged(service: string, outcome: string): void {
    this.hedges.push(`${service} ${outcome}`);
  }

  retried(service: string, reason: string): void {
    this.retries.push(`${service} ${reason}`);
  }

  limitReached(service: string, code: string): void {
    this.limitRefusals.push(`${service} ${code}`);
  }

  faultInjected(service: string, fault: string): void {
    this.faults.push(`${service} ${fault}`);
  }

  rateLimitStoreFailed(service: string, reason: string): void {
    this.storeFailures.push(`${service} ${reason}`);
  }

  refused(destination: string, code: string): void {
    this.refusals.push(`${destination} ${code}`);
  }

  ejected(service: string, endpoint: string): void {
    this.ejections.push(`ejected ${service} ${endpoint}`);
  }

  restored(service: string, endpoint: string): void {
    this.ejections.push(`restored ${service} ${endpoint}`);
  }
}

export interface TestSidecarOptions {
  readonly namespace: string;
  readonly workload: string;
  /** A loopback address that stands for the pod's. */
  readonly address: string;
  readonly credentials: CredentialSource;
  readonly interception?: 'redirect' | 'explicit';
  readonly destination?: SocketAddress;
  readonly outboundHost?: string;
  /** Further ports that count as the sidecar's. */
  readonly ownPorts?: readonly number[];
  /** Instead of DNS. */
  readonly resolve?: HostQuery;
  /** The access log is on, and its lines are kept. */
  readonly accessLog?: 'text' | 'json';
}

/** The data path of one sidecar, as main.ts puts it together, on free ports. */
export class TestSidecar {
  readonly view = new FakeView();
  readonly observer = new FakeObserver();
  readonly clusters: ClusterRegistry;
  readonly limiters: Limiters;
  readonly outbound: OutboundListener;
  readonly inbound: InboundListener;
  readonly trunk: TrunkListener;
  readonly trunkClient: TrunkClient;
  readonly options: TestSidecarOptions;
  /** Of the access log. */
  readonly lines: string[] = [];
  /** Where the next redirected connections were going. */
  redirected: SocketAddress | undefined;
  #compiled: CompiledConfig;

  constructor(options: TestSidecarOptions) {
    this.options = options;
    const { namespace, workload, address, credentials } = options;
    const { view, observer } = this;
    const clock = systemClock;
    const log = silentLog();
    const self = () => ({ namespace, workload });
    this.trunkClient = new TrunkClient({ credentials, self, clock, log, sourceAddress: undefined });
    const ownPorts = [15000, 15001, 15004, 15006, 15008, 15020, ...(options.ownPorts ?? [])];
    const plain = new PlainDialer(clock, undefined, ownPlaces([address], ownPorts));
    this.clusters = new ClusterRegistry({
      view,
      observer,
      clock,
      localDialer: plain,
      ...(options.resolve && {
        resolver: new HostResolver(clock, options.resolve, () => true),
      }),
      source: `${namespace}/${workload}-1`,
      dialer: new MeshDialer({
        plain,
        trunk: this.trunkClient,
        trustDomain: () => view.current.settings.trustDomain,
      }),
    });
    const accessLog =
      options.accessLog === undefined
        ? undefined
        : new AccessLog({
            settings: { format: options.accessLog, includesQuery: false },
            identity: () => credentials.current?.spiffeId,
            clock,
            output: { write: (line) => this.lines.push(line) },
          });
    const accessLogged = accessLog !== undefined;
    const identity = () => credentials.current?.spiffeId ?? '';
    this.limiters = new Limiters({ clock, log, self: identity });
    this.#compiled = compileConfig(
      view.current,
      this.clusters,
      clock,
      undefined,
      accessLogged,
      this.limiters,
    );
    view.beforeChange = (next) => {
      this.#compiled = compileConfig(
        next,
        this.clusters,
        clock,
        this.#compiled,
        accessLogged,
        this.limiters,
      );
    };
    const common = {
      view,
      compiled: () => this.#compiled,
      clusters: this.clusters,
      self,
      ownAddresses: [address],
      ownPorts,
      observer,
      clock,
      log,
      accessLog,
      originalDestination: () => this.redirected,
    };
    this.outbound = new OutboundListener({
      ...common,
      namespace,
      address: { host: options.outboundHost ?? '127.0.0.1', port: 0 },
      interception: options.interception ?? 'redirect',
      destination: options.destination,
    });
    const plans = new InboundPlans(common);
    this.inbound = new InboundListener({ ...common, plans, address: { host: address, port: 0 } });
    this.trunk = new TrunkListener({
      ...common,
      plans,
      credentials,
      address: { host: address, port: 0 },
    });
  }

  async start(): Promise<this> {
    this.clusters.start();
    await this.trunk.start();
    await this.inbound.start();
    await this.outbound.start();
    after(async () => {
      const now = AbortSignal.abort();
      await this.inbound.stop(now);
      await this.trunk.stop(now);
      await this.outbound.stop(now);
      this.clusters.stop();
      this.limiters.stop();
      await this.trunkClient.close(now);
    });
    return this;
  }

  /** This pod as others know it. */
  get asWorkload(): Workload {
    const { namespace, workload, address } = this.options;
    return {
      address,
      namespace,
      workload,
      pod: `${workload}-1`,
      serviceAccount: workload,
      node: '',
      zone: '',
      trunkPort: this.trunk.port,
    };
  }

  /** @param ports from the service's port to the pod's */
  endpoint(ports: Readonly<Record<number, number>>): Endpoint {
    return {
      address: this.options.address,
      ports: new Map(Object.entries(ports).map(([port, target]) => [Number(port), target])),
      workload: this.asWorkload,
    };
  }
}
