import { ACCESS_LOG, MAX_CONNECTIONS, PORT, SYSTEM_NAMESPACE } from '../proto/well-known.ts';
import { EnvReader, type SocketAddress } from '../runtime/env.ts';
import { describeError } from '../runtime/errors.ts';
import { RELEASE } from '../runtime/release.ts';
import type { SidecarConfig } from './container.ts';
import { parseQuantity } from './quantity.ts';

/** The injector's configuration. */
export interface InjectorConfig {
  controlPlane: SocketAddress;
  controlPlaneName: string;
  trustBundlePath: string;
  tokenPath: string;
  namespace: string;
  webhookAddress: SocketAddress;
  adminAddress: SocketAddress;
  /** Of the MutatingWebhookConfiguration whose caBundle the injector keeps. */
  webhookName: string;
  logLevel: string;
  sidecar: SidecarConfig;
}

/** @throws MeshError `bad-environment` with everything that is wrong. */
export function readConfig(
  variables: Readonly<Record<string, string | undefined>>,
): InjectorConfig {
  const env = new EnvReader(variables);
  const quantity = (name: string): string | undefined => {
    const text = env.optional(name);
    if (text === undefined) return undefined;
    try {
      parseQuantity(text);
    } catch (error) {
      env.problem(`${name}: "${text}" is bad: ${describeError(error)}`);
    }
    return text;
  };
  const level = (name: string): string =>
    env.oneOf(name, ['debug', 'info', 'warn', 'error'], 'info');
  const controlPlane = env.address('REMORA_CONTROL_PLANE');
  const controlPlaneName = env.text('REMORA_CONTROL_PLANE_NAME', controlPlane.host);
  const config: InjectorConfig = {
    controlPlane,
    controlPlaneName,
    trustBundlePath: env.text('REMORA_TRUST_BUNDLE'),
    tokenPath: env.text('REMORA_TOKEN_PATH'),
    namespace: env.text('REMORA_NAMESPACE', SYSTEM_NAMESPACE),
    webhookAddress: env.address('REMORA_WEBHOOK_ADDRESS', `0.0.0.0:${PORT.injector}`),
    adminAddress: env.address('REMORA_ADMIN_ADDRESS', `0.0.0.0:${PORT.controlPlaneAdmin}`),
    webhookName: env.text('REMORA_WEBHOOK_NAME', 'remora-injector'),
    logLevel: level('REMORA_LOG_LEVEL'),
    sidecar: {
      image: env.text('REMORA_IMAGE'),
      imagePullPolicy:
        env.oneOf('REMORA_IMAGE_PULL_POLICY', ['Always', 'IfNotPresent', 'Never', ''], '') ||
        undefined,
      version: RELEASE,
      controlPlane: env.text('REMORA_CONTROL_PLANE', ''),
      controlPlaneName,
      logLevel: level('REMORA_PROXY_LOG_LEVEL'),
      accessLog: env.oneOf('REMORA_PROXY_ACCESS_LOG', ACCESS_LOG.formats, 'off'),
      maxConnections: env.integer('REMORA_PROXY_MAX_CONNECTIONS', 0, MAX_CONNECTIONS) || undefined,
      resources: {
        cpuRequest: quantity('REMORA_PROXY_CPU_REQUEST'),
        cpuLimit: quantity('REMORA_PROXY_CPU_LIMIT'),
        memoryRequest: quantity('REMORA_PROXY_MEMORY_REQUEST'),
        memoryLimit: quantity('REMORA_PROXY_MEMORY_LIMIT'),
      },
    },
  };
  env.throwIfBad();
  return config;
}
