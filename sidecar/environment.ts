import { ACCESS_LOG, MAX_CONNECTIONS, PORT, THREADS } from '../proto/well-known.ts';
import { EnvReader, type SocketAddress } from '../runtime/env.ts';
import type { ControlPlaneOptions } from '../runtime/identity/control-plane-connection.ts';
import { RELEASE } from '../runtime/release.ts';
import type { PodIdentity } from './config/client.ts';
import type { AccessLogSettings } from './config/types.ts';
import { DEFAULT_MAX_CONNECTIONS } from './listener/connection-limit.ts';

/** What a sidecar is told when it starts. */
export interface SidecarEnvironment {
  /** Where the configuration comes from. */
  readonly source: StaticFileSource | ControlPlaneSource;
  readonly adminAddress: SocketAddress;
  readonly healthAddress: SocketAddress;
  /** The local address of outgoing connections, where interception goes by it. */
  readonly sourceAddress: string | undefined;
  /** Each with a data path of its own on the same ports. */
  readonly threads: number;
  /** Of each listener, open at a time. */
  readonly maxConnections: number;
  readonly logLevel: string;
  /** A static configuration that says something of it wins. */
  readonly accessLog: AccessLogSettings;
  readonly drainTimeoutMs: number;
}

export interface StaticFileSource {
  readonly kind: 'file';
  readonly path: string;
}

export interface ControlPlaneSource {
  readonly kind: 'control-plane';
  readonly controlPlane: ControlPlaneOptions;
  /** On a volume that outlives the process and not the pod. */
  readonly stateDirectory: string;
  readonly pod: PodIdentity;
  readonly outboundAddress: SocketAddress;
  readonly inboundAddress: SocketAddress;
  readonly trunkAddress: SocketAddress;
  readonly localApiAddress: SocketAddress;
  readonly interception: 'redirect' | 'explicit';
}

/** @throws MeshError `bad-environment`, with everything that is wrong */
export function readEnvironment(
  variables: Readonly<Record<string, string | undefined>>,
): SidecarEnvironment {
  const env = new EnvReader(variables);
  const path = env.optional('REMORA_STATIC_CONFIG');
  const environment: SidecarEnvironment = {
    source: path === undefined ? readControlPlaneSource(env) : { kind: 'file', path },
    adminAddress: env.address('REMORA_ADMIN_ADDRESS', `127.0.0.1:${PORT.admin}`),
    healthAddress: env.address('REMORA_HEALTH_ADDRESS', `0.0.0.0:${PORT.health}`),
    sourceAddress: env.optional('REMORA_SOURCE_ADDRESS'),
    threads: env.integer('REMORA_THREADS', 1, THREADS),
    maxConnections: env.integer('REMORA_MAX_CONNECTIONS', DEFAULT_MAX_CONNECTIONS, MAX_CONNECTIONS),
    logLevel: env.oneOf('REMORA_LOG_LEVEL', ['debug', 'info', 'warn', 'error'], 'info'),
    accessLog: {
      format: env.oneOf('REMORA_ACCESS_LOG', ACCESS_LOG.formats, 'off'),
      includesQuery: env.oneOf('REMORA_ACCESS_LOG_QUERY', ACCESS_LOG.queries, 'omit') === 'include',
    },
    drainTimeoutMs: env.integer('REMORA_DRAIN_SECONDS', 25, { min: 0, max: 3600 }) * 1000,
  };
  env.throwIfBad();
  return environment;
}

function readControlPlaneSource(env: EnvReader): ControlPlaneSource {
  const address = env.address('REMORA_CONTROL_PLANE');
  return {
    kind: 'control-plane',
    controlPlane: {
      address,
      serverName: env.text('REMORA_CONTROL_PLANE_NAME', address.host),
      trustBundlePath: env.text('REMORA_TRUST_BUNDLE'),
      tokenPath: env.text('REMORA_TOKEN_PATH'),
    },
    stateDirectory: env.text('REMORA_STATE_DIR'),
    pod: {
      pod: env.text('REMORA_POD_NAME'),
      namespace: env.text('REMORA_POD_NAMESPACE'),
      addresses: env
        .text('REMORA_POD_ADDRESSES')
        .split(',')
        .map((text) => text.trim())
        .filter((text) => text !== ''),
      serviceAccount: env.text('REMORA_SERVICE_ACCOUNT', 'default'),
      node: env.text('REMORA_NODE_NAME', ''),
      sidecarVersion: RELEASE,
    },
    outboundAddress: env.address('REMORA_OUTBOUND_ADDRESS', `0.0.0.0:${PORT.outbound}`),
    inboundAddress: env.address('REMORA_INBOUND_ADDRESS', `0.0.0.0:${PORT.inbound}`),
    trunkAddress: env.address('REMORA_TRUNK_ADDRESS', `0.0.0.0:${PORT.trunk}`),
    localApiAddress: env.address('REMORA_LOCAL_API_ADDRESS', `127.0.0.1:${PORT.localApi}`),
    interception: env.oneOf('REMORA_INTERCEPTION', ['redirect', 'explicit'], 'redirect'),
  };
}
