import type { Clock } from '../../runtime/clock.ts';
import type { SocketAddress } from '../../runtime/env.ts';
import type { MeshError } from '../../runtime/errors.ts';
import type { EventLog } from '../../runtime/throttled-log.ts';
import type { AccessLog } from '../access-log/access-log.ts';
import { type CompiledConfig, directTarget, type OutboundTarget } from '../compile.ts';
import type { Protocol } from '../config/types.ts';
import type { HttpContext } from '../context.ts';
import type { RequestHead } from '../message.ts';
import type { ConnectionTable, TcpPolicy } from '../route/connections.ts';
import type { HttpTarget } from '../route/route.ts';
import { type Party, type TrafficObserver, UNKNOWN_PARTY } from '../telemetry/types.ts';
import { formatAuthority } from '../trunk/protocol.ts';
import type { ClusterRegistry } from '../upstream/clusters.ts';
import type { Cluster } from '../upstream/types.ts';
import type { Destination, Destinations } from './destinations.ts';
import type { ConnectionPlan } from './downstream.ts';
import type { Egress, EgressRules } from './egress.ts';

/** A port with routes for connections is looked at no further than these do. */
function protocolFor({ needsFirstBytes }: ConnectionTable): Protocol {
  return needsFirstBytes ? 'tls' : 'tcp';
}

/**
 * For destinations without a service and so without a policy: as if nobody was
 * in between, an idle connection stays.
 */
const DIRECT_TCP: TcpPolicy = {
  connectTimeoutMs: 10_000,
  idleTimeoutMs: 0,
  connectRetries: 0,
};

type Direct = Extract<Destination, { kind: 'direct' }>;

export interface OutboundPlansOptions {
  readonly compiled: () => CompiledConfig;
  readonly destinations: Destinations;
  readonly egress: Egress;
  readonly clusters: ClusterRegistry;
  readonly self: () => Party;
  readonly observer: TrafficObserver;
  readonly clock: Clock;
  readonly log: EventLog;
  readonly accessLog?: AccessLog | undefined;
}

/** Turns what a connection is meant for into how it is served. */
export class OutboundPlans {
  readonly #options: OutboundPlansOptions;

  constructor(options: OutboundPlansOptions) {
    this.#options = options;
  }

  plan(
    destination: Exclude<Destination, { kind: 'pending' }>,
    asked: SocketAddress,
  ): ConnectionPlan {
    return destination.kind === 'service'
      ? this.#service(destination.target, asked)
      : this.#direct(destination, asked);
  }

  /** The target of requests to a destination that is no service. */
  directHttp(direct: Direct): () => HttpTarget {
    let cluster: Cluster | undefined;
    let target: HttpTarget | undefined;
    return () => {
      // Asked anew, because a cluster that was not used for a while is forgotten,
      // and because who answers there may have become known.
      const now = this.#cluster(direct);
      if (target === undefined || now !== cluster) {
        cluster = now;
        const { workload } = direct;
        target = directTarget({
          direction: 'outbound',
          authority: formatAuthority(direct.host, direct.port),
          destination:
            workload === undefined
              ? UNKNOWN_PARTY
              : { namespace: workload.namespace, workload: workload.workload },
          cluster: now,
          accessLogged: this.#options.accessLog !== undefined,
        });
      }
      return target;
    };
  }

  /** What holds for requests to a destination that is no service: a target, or a refusal. */
  directRequests(direct: Direct): (head: RequestHead) => HttpTarget | MeshError {
    const http = this.directHttp(direct);
    let seen: CompiledConfig | undefined;
    let rules: EgressRules | undefined;
    return (head) => {
      // A connection may outlive what held when it was opened.
      const now = this.#options.compiled();
      if (now !== seen) {
        seen = now;
        rules = this.#rulesFor(direct, http);
      }
      return rules === undefined ? http() : rules.http(head);
    };
  }

  #rulesFor(direct: Direct, http: () => HttpTarget): EgressRules | undefined {
    const connection = { cluster: this.#cluster(direct), tcp: DIRECT_TCP };
    return this.#options.egress.rulesFor(direct, { connection, http });
  }

  context(hooks: Pick<HttpContext, 'resolve' | 'onConnect'>): HttpContext {
    const { self, observer, clock, log, accessLog } = this.#options;
    return {
      direction: 'outbound',
      source: self(),
      mutualTls: false,
      observer,
      clock,
      log,
      accessLog,
      ...hooks,
    };
  }

  #service(target: OutboundTarget, asked: SocketAddress): ConnectionPlan {
    const { compiled, destinations } = this.#options;
    const { connections } = target;
    let current = target;
    let seen = compiled();
    return {
      direction: 'outbound',
      protocol: connections === undefined ? target.protocol : protocolFor(connections),
      key: `${target.name}:${target.port.port}`,
      originalDestination: formatAuthority(asked.host, asked.port),
      service: target.name,
      source: this.#options.self(),
      destination: UNKNOWN_PARTY,
      mutualTls: false,
      cluster: target.cluster,
      tcp: target.tcp,
      connections,
      http: this.context({
        resolve: () => {
          const now = compiled();
          if (now !== seen) {
            seen = now;
            // A service that was deleted stays what it was for this connection: nobody answers.
            current = destinations.target(asked.host, asked.port) ?? current;
          }
          return current.http;
        },
      }),
    };
  }

  #direct(direct: Direct, asked: SocketAddress): ConnectionPlan {
    const http = this.directHttp(direct);
    const rules = this.#rulesFor(direct, http);
    return {
      direction: 'outbound',
      protocol: direct.opaque || rules?.isKnown === true ? 'tcp' : 'detect',
      key: formatAuthority(direct.host, direct.port),
      originalDestination: formatAuthority(asked.host, asked.port),
      service: '',
      source: this.#options.self(),
      destination: UNKNOWN_PARTY,
      mutualTls: false,
      cluster: this.#cluster(direct),
      tcp: DIRECT_TCP,
      connections: rules?.connections,
      http: this.context({ resolve: this.directRequests(direct) }),
    };
  }

  #cluster({ host, port, opaque }: Direct): Cluster {
    const { clusters, destinations } = this.#options;
    return clusters.direct(host, port, opaque ? undefined : destinations.workload(host));
  }
}
