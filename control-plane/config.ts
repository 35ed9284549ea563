import { hostname } from 'node:os';
import { SYSTEM_NAMESPACE } from '../proto/well-known.ts';
import { EnvReader, type SocketAddress } from '../runtime/env.ts';

/** Where resources come from, and with them what the control plane keeps its state in. */
export type ResourcesConfig =
  | { readonly kind: 'kubernetes' }
  | {
      readonly kind: 'files';
      /** A later folder wins. */
      readonly folders: readonly string[];
      /** For the CA and the leases. */
      readonly stateFolder: string;
      /** The key with which the local mode signs pods' tokens. */
      readonly tokenKeyPath: string;
    };

export interface ControlPlaneConfig {
  readonly resources: ResourcesConfig;
  readonly grpcAddress: SocketAddress;
  readonly adminAddress: SocketAddress;
  /** The name of the control plane's own pod. */
  readonly podName: string;
  /** The control plane's own namespace. */
  readonly namespace: string;
  readonly trustDomain: string;
  /** DNS names and addresses for the serving certificate. */
  readonly serverNames: readonly string[];
  readonly leafLifetimeMs: number;
  readonly rootLifetimeMs: number;
  readonly logLevel: string;
}

const DAY_SECONDS = 86_400;
const TEN_YEARS_SECONDS = 3650 * DAY_SECONDS;

/** @throws MeshError `bad-environment` that lists every bad variable. */
export function readConfig(
  variables: Readonly<Record<string, string | undefined>>,
): ControlPlaneConfig {
  const env = new EnvReader(variables);
  const config: ControlPlaneConfig = {
    resources: readResources(env),
    grpcAddress: env.address('REMORA_GRPC_ADDRESS', '0.0.0.0:15010'),
    adminAddress: env.address('REMORA_ADMIN_ADDRESS', '0.0.0.0:15014'),
    podName: env.text('REMORA_POD_NAME', hostname()),
    namespace: env.text('REMORA_NAMESPACE', SYSTEM_NAMESPACE),
    trustDomain: env.text('REMORA_TRUST_DOMAIN', 'cluster.local'),
    serverNames: env
      .text('REMORA_SERVER_NAMES')
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
    leafLifetimeMs:
      1000 *
      env.integer('REMORA_CERTIFICATE_LIFETIME_SECONDS', DAY_SECONDS, {
        min: 60,
        max: 90 * DAY_SECONDS,
      }),
    rootLifetimeMs:
      1000 *
      env.integer('REMORA_ROOT_LIFETIME_SECONDS', TEN_YEARS_SECONDS, {
        min: 300,
        max: 3 * TEN_YEARS_SECONDS,
      }),
    logLevel: env.oneOf('REMORA_LOG_LEVEL', ['debug', 'info', 'warn', 'error'], 'info'),
  };
  if (!/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(config.trustDomain)) {
    env.problem(
      `REMORA_TRUST_DOMAIN must be a DNS name in lower case, and is "${config.trustDomain}"`,
    );
  }
  env.throwIfBad();
  return config;
}

function readResources(env: EnvReader): ResourcesConfig {
  const text = env.text('REMORA_RESOURCES', 'kubernetes');
  if (text === 'kubernetes') return { kind: 'kubernetes' };
  const [kind, ...folders] = text.split(':');
  if (kind !== 'files' || folders.length === 0 || folders.includes('')) {
    env.problem(
      `REMORA_RESOURCES must be "kubernetes" or "files:<folder>[:<folder>...]", and is "${text}"`,
    );
  }
  return {
    kind: 'files',
    folders,
    stateFolder: env.text('REMORA_STATE_DIR'),
    tokenKeyPath: env.text('REMORA_LOCAL_TOKEN_KEY'),
  };
}
