import { getServers } from 'node:dns';
import { isIP } from 'node:net';
import type { Clock } from '../../runtime/clock.ts';
import { MeshError } from '../../runtime/errors.ts';
import type { EventLog } from '../../runtime/throttled-log.ts';
import type { CompiledConfig } from '../compile.ts';
import type { ConfigView } from '../config/view.ts';
import type { RequestHead } from '../message.ts';
import type { ConnectionTable, ConnectionWay } from '../route/connections.ts';
import type { HttpTarget } from '../route/route.ts';
import type { TrafficObserver } from '../telemetry/types.ts';
import { formatAuthority } from '../trunk/protocol.ts';
import type { Destination } from './destinations.ts';
import { isLoopback } from './own-places.ts';

/** How long a connection waits for the names to be resolved that may stand for its address. */
const RESOLVE_TIMEOUT_MS = 1_000;
const DNS_PORT = 53;

type Direct = Extract<Destination, { kind: 'direct' }>;

/** What holds for a connection that leaves the mesh. */
export interface EgressRules {
  /** Known by its destination alone: nothing of it is looked at. */
  readonly isKnown: boolean;
  readonly connections: ConnectionTable;
  http(head: RequestHead): HttpTarget | MeshError;
}

/** Where a connection goes when nothing is said of its destination. */
export interface DirectWay {
  readonly connection: ConnectionWay;
  readonly http: () => HttpTarget;
}

export interface EgressOptions {
  readonly view: ConfigView;
  readonly compiled: () => CompiledConfig;
  readonly ownAddresses: readonly string[];
  /** The pod's own, where bare names of services are looked up. */
  readonly namespace: string;
  readonly observer: TrafficObserver;
  readonly clock: Clock;
  readonly log: EventLog;
}

/**
 * Recognises what leaves the mesh for a registered host: HTTP by its Host, TLS by
 * its server name, TCP by its address. It then goes where the sidecar knows that host
 * to be, whatever address was called, so that nobody gets out under a false name.
 * Where only registered hosts may be called, everything else is refused.
 */
export class Egress {
  readonly #options: EgressOptions;
  readonly #nameservers: ReadonlySet<string>;

  constructor(options: EgressOptions) {
    this.#options = options;
    this.#nameservers = new Set(getServers());
  }

  /** Waits for names that decide about the connection; undefined when there is nothing to wait for. */
  pending(destination: Destination): ((again: () => void) => () => void) | undefined {
    if (destination.kind !== 'direct' || isIP(destination.host) === 0) return undefined;
    const { externals } = this.#options.compiled();
    if (externals === undefined || this.#isInside(destination)) return undefined;
    const names = externals.unresolved(destination.port);
    if (names.length === 0) return undefined;
    return (again) => this.#await(names, again);
  }

  /** Undefined where the connection just goes on: inside of the mesh, or nothing is ruled. */
  rulesFor(direct: Direct, way: DirectWay): EgressRules | undefined {
    const { view, compiled } = this.#options;
    const { externals } = compiled();
    const closed = view.current.settings.egress === 'registered-only';
    if ((externals === undefined && !closed) || this.#isInside(direct)) return undefined;
    const { host, port } = direct;
    const named =
      isIP(host) === 0
        ? externals?.byHost(host, port, undefined)
        : externals?.byAddress(host, port);
    const known = named !== undefined && !('protocol' in named && named.protocol === 'http1');
    const otherwise = (name: string): ConnectionWay | MeshError =>
      closed ? refusal(formatAuthority(name || host, port)) : way.connection;
    return {
      isKnown: known,
      connections: {
        needsFirstBytes: closed && !known,
        select: (serverName) => {
          if (known) return named.way;
          const found = serverName && compiled().externals?.byHost(serverName, port, 'tls');
          return found ? found.way : otherwise(serverName ?? '');
        },
        destination: (serverName) => formatAuthority(serverName || host, port),
      },
      http: (head) => {
        const found = compiled().externals?.byHost(head.host, port, 'http1');
        if (found !== undefined) return found.http;
        return closed ? this.#refuse(formatAuthority(head.host || host, port)) : way.http();
      },
    };
  }

  #refuse(destination: string): MeshError {
    const { observer, log } = this.#options;
    const error = refusal(destination);
    observer.refused(destination, error.code);
    log.info({ destination, code: error.code, error: error.message }, 'request refused');
    return error;
  }

  /** Pods, Services, this pod itself, and DNS. */
  #isInside({ host, port, workload, opaque }: Direct): boolean {
    if (workload !== undefined || opaque || isLoopback(host)) return true;
    if (this.#options.ownAddresses.includes(host)) return true;
    if (port === DNS_PORT && this.#nameservers.has(host)) return true;
    const compiled = this.#options.compiled();
    return isIP(host) === 0
      ? compiled.isServiceHost(host, this.#options.namespace)
      : compiled.isServiceAddress(host);
  }

  #await(names: readonly string[], again: () => void): () => void {
    const { clock, compiled } = this.#options;
    const resolver = compiled().externals?.resolver;
    const stops: (() => void)[] = [];
    const stop = (): void => {
      timer.cancel();
      for (const one of stops) one();
    };
    const finish = (): void => {
      stop();
      again();
    };
    const timer = clock.setTimeout(finish, RESOLVE_TIMEOUT_MS);
    let left = names.length;
    for (const name of names) {
      const answered = (): void => {
        left -= 1;
        if (left === 0) finish();
      };
      if (resolver !== undefined) stops.push(resolver.onAnswer(name, answered));
    }
    return stop;
  }
}

function refusal(destination: string): MeshError {
  return new MeshError(
    'egress-refused',
    `${destination} is outside of the mesh, and no ExternalService of this namespace has it`,
  );
}
