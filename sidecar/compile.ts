import type { Clock } from '../runtime/clock.ts';
import type { Config, Port, Protocol, Service, ServiceName } from './config/types.ts';
import type { HttpTarget } from './route/route.ts';
import type { Cluster } from './upstream/types.ts';

/** Gives the cluster of a service port; always the same one for the same names. */
export interface ClusterSource {
  cluster(service: ServiceName, port: number): Cluster;
}

/** A configuration as lookup tables. */
export interface CompiledConfig {
  readonly config: Config;
  /** By cluster IP and service port: the original destination of a connection. */
  target(address: string, port: number): OutboundTarget | undefined;
  /**
   * For the explicit proxy: `svc`, `svc.ns`, `svc.ns.svc` or `svc.ns.svc.<cluster domain>`.
   *
   * @param ownNamespace where a bare `svc` is looked up
   */
  targetByHost(host: string, port: number, ownNamespace: string): OutboundTarget | undefined;
  /** Of one of the pod's own ports. */
  inboundProtocol(port: number): Protocol;
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
}

export interface TcpPolicy {
  readonly connectTimeoutMs: number;
  /** 0 means no limit. */
  readonly idleTimeoutMs: number;
}

/**
 * @param previous what is in force now: whatever did not change is taken over from it
 */
export function compileConfig(
  config: Config,
  clusters: ClusterSource,
  clock: Clock,
  previous?: CompiledConfig,
): CompiledConfig {
  void clusters;
  void clock;
  void previous;
  return {
    config,
    target: () => undefined,
    targetByHost: () => undefined,
    inboundProtocol: () => 'detect',
  };
}

/** A destination without rules: a pod's address, or the pod's own application. */
export function directTarget(options: {
  direction: 'outbound' | 'inbound';
  authority: string;
  destination: { namespace: string; workload: string };
  cluster: Cluster;
}): HttpTarget {
  throw new Error(options.authority);
}
