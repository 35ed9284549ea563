import { MeshError } from '../../runtime/errors.ts';
import type { Backend, ConnectionRule } from '../config/types.ts';
import type { Cluster } from '../upstream/types.ts';
import { matchesHost } from './host-pattern.ts';
import { Split } from './split.ts';

export interface TcpPolicy {
  readonly connectTimeoutMs: number;
  /** 0 means no limit. */
  readonly idleTimeoutMs: number;
  /** So many other endpoints are tried when one cannot be reached. */
  readonly connectRetries: number;
}

/** Where a connection goes that nobody parses. */
export interface ConnectionWay {
  /** What records tell; as the plan of the connection has it when undefined. */
  readonly service?: string | undefined;
  readonly cluster: Cluster;
  readonly tcp: TcpPolicy;
}

/** The rules for connections to one destination. */
export interface ConnectionTable {
  /** The way depends on what the client says first, so nothing is opened ahead of that. */
  readonly needsFirstBytes: boolean;
  /**
   * An error closes the connection: `no-route`, `invalid-backend`, `egress-refused`.
   *
   * @param serverName of TLS, empty when it names none; undefined of everything else
   */
  select(serverName: string | undefined): ConnectionWay | MeshError;
  /** Under which a refusal is counted; by the service where this is left out. */
  destination?(serverName: string | undefined): string;
}

/**
 * The connection rules of one service port, compiled: the first that takes a
 * connection counts, and its backends share connections by weight.
 *
 * @param random from 0 up to, not including, 1
 */
export function compileConnections(
  rules: readonly ConnectionRule[],
  toBackend: (
    rule: ConnectionRule,
    backend: Extract<Backend, { kind: 'service' }>,
  ) => ConnectionWay,
  random: () => number = Math.random,
): ConnectionTable {
  const compiled = rules.map((rule) => ({
    rule,
    backends: new Split<ConnectionWay | MeshError>(
      rule.backends.map((backend) => ({
        weight: backend.weight,
        item:
          backend.kind === 'service'
            ? toBackend(rule, backend)
            : new MeshError('invalid-backend', `a backend of rule ${rule.name}: ${backend.reason}`),
      })),
    ),
    empty: new MeshError('invalid-backend', `rule ${rule.name} has no backend with a weight`),
  }));
  return {
    needsFirstBytes: rules.some((rule) => rule.tlsOnly || rule.serverNames.length > 0),
    select(serverName) {
      for (const { rule, backends, empty } of compiled) {
        if (takes(rule, serverName)) return backends.pick(random()) ?? empty;
      }
      return serverName === undefined ? NOT_TLS : noRoute(serverName);
    },
  };
}

function takes({ serverNames, tlsOnly }: ConnectionRule, serverName: string | undefined): boolean {
  if (serverName === undefined) return !tlsOnly && serverNames.length === 0;
  return serverNames.length === 0 || serverNames.some((name) => matchesHost(name, serverName));
}

const NOT_TLS = new MeshError(
  'no-route',
  'the routes of this port take TLS alone, and this connection is not TLS',
);

function noRoute(serverName: string): MeshError {
  const named = serverName === '' ? 'without a server name' : `for ${serverName}`;
  return new MeshError('no-route', `no rule of the routes of this port takes TLS ${named}`);
}
