import { CONTAINER, PORT, SIDECAR_UID, TOKEN_AUDIENCE, TRUST_BUNDLE } from '../proto/well-known.ts';
import type { Container, EnvVar, Pod, Resources, Volume } from './pod.ts';
import type { PodOptions } from './pod-options.ts';
import { parseQuantity } from './quantity.ts';

/** What all sidecars of a mesh have in common: the injector's own configuration. */
export interface SidecarConfig {
  image: string;
  /** `Always`, `IfNotPresent` or `Never`; undefined leaves it to Kubernetes. */
  imagePullPolicy: string | undefined;
  /** Of the injector; stands in the pod's annotation. */
  version: string;
  /** `host:port` */
  controlPlane: string;
  /** The name that the control plane's certificate must have. */
  controlPlaneName: string;
  logLevel: string;
  /** `off`, `text` or `json`. */
  accessLog: string;
  /** Of each listener of a sidecar; undefined leaves it to the sidecar. */
  maxConnections?: number | undefined;
  /** Undefined means that no such request or limit is set. */
  resources: {
    cpuRequest: string | undefined;
    cpuLimit: string | undefined;
    memoryRequest: string | undefined;
    memoryLimit: string | undefined;
  };
}

export const VOLUME = { state: 'remora-state', credentials: 'remora-credentials' } as const;

const MOUNT = { state: '/var/lib/remora', credentials: '/var/run/secrets/remora' } as const;

/** Between the end of the drain and the moment when the kubelet kills. */
const DRAIN_MARGIN_SECONDS = 5;
const MAX_DRAIN_SECONDS = 25;

/** Writes the rules and ends; before every other container of the pod. */
export function initContainer(config: SidecarConfig, options: PodOptions): Container {
  const ownPorts = [PORT.inbound, options.trunkPort, PORT.health];
  return {
    name: CONTAINER.init,
    ...image(config),
    command: ['node', '/app/init.js'],
    env: [
      { name: 'REMORA_OUTBOUND_PORT', value: String(PORT.outbound) },
      { name: 'REMORA_INBOUND_PORT', value: String(PORT.inbound) },
      { name: 'REMORA_SIDECAR_UID', value: String(SIDECAR_UID) },
      {
        name: 'REMORA_EXCLUDE_INBOUND_PORTS',
        value: [...new Set([...ownPorts, ...options.excludedInboundPorts])].join(','),
      },
      { name: 'REMORA_EXCLUDE_OUTBOUND_PORTS', value: options.excludedOutboundPorts.join(',') },
      { name: 'REMORA_EXCLUDE_OUTBOUND_CIDRS', value: options.excludedOutboundCidrs.join(',') },
    ],
    // The sidecar's own: it runs before the others, so the pod's sum does not grow,
    // and a quota that wants limits finds them.
    resources: proxyResources(config, options),
    securityContext: {
      // Kubernetes hands capabilities to root alone; these two are all that it keeps.
      runAsUser: 0,
      runAsGroup: 0,
      runAsNonRoot: false,
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'], add: ['NET_ADMIN', 'NET_RAW'] },
      seccompProfile: { type: 'RuntimeDefault' },
    },
    terminationMessagePolicy: 'FallbackToLogsOnError',
  };
}

/** How Node runs the sidecar. */
export const SIDECAR_NODE_FLAGS: readonly string[] = [
  // The young generation stays small, since next to nothing of it survives. Smaller costs
  // time with bulk, and larger costs memory.
  '--max-semi-space-size=2',
  // So little is collected faster by one thread than by several that wait for each other.
  '--no-parallel-scavenge',
  // The old one may grow to three times what is in use before all of it is collected.
  '--heap-growing-percent=200',
  // The sidecar asks for small collections while it carries bulk (`sidecar/read-memory.ts`).
  '--expose-gc',
];

/** How the C library serves it, which has memory of buffers. */
export const SIDECAR_MALLOC: Readonly<Record<string, string>> = {
  // One heap for all threads. Node's helpers allocate little, and a heap for each of them
  // keeps what was freed to itself.
  MALLOC_ARENA_MAX: '1',
};

/**
 * The sidecar: an init container with `restartPolicy: Always`, so that it is
 * ready before the application starts and ends after it, also in a Job.
 */
export function proxyContainer(pod: Pod, config: SidecarConfig, options: PodOptions): Container {
  return {
    name: CONTAINER.proxy,
    ...image(config),
    restartPolicy: 'Always',
    command: ['node', ...SIDECAR_NODE_FLAGS, '/app/sidecar.js'],
    env: proxyEnv(pod, config, options),
    ports: [
      { name: 'remora-trunk', containerPort: options.trunkPort, protocol: 'TCP' },
      { name: 'remora-metrics', containerPort: PORT.health, protocol: 'TCP' },
    ],
    resources: proxyResources(config, options),
    securityContext: {
      runAsUser: SIDECAR_UID,
      runAsGroup: SIDECAR_UID,
      runAsNonRoot: true,
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    },
    // Ready means that it holds a configuration and a certificate. The next
    // container starts only then; ten minutes outlast a control plane's restart.
    startupProbe: probe({ periodSeconds: 1, timeoutSeconds: 3, failureThreshold: 600 }),
    readinessProbe: probe({ periodSeconds: 10, timeoutSeconds: 3, failureThreshold: 3 }),
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [
      { name: VOLUME.state, mountPath: MOUNT.state },
      { name: VOLUME.credentials, mountPath: MOUNT.credentials, readOnly: true },
    ],
  };
}

/** What the sidecar keeps, and what it is given. In memory alone: a pod can still be evicted. */
export function volumes(): Volume[] {
  return [
    { name: VOLUME.state, emptyDir: { medium: 'Memory', sizeLimit: '32Mi' } },
    {
      name: VOLUME.credentials,
      projected: {
        sources: [
          {
            serviceAccountToken: {
              audience: TOKEN_AUDIENCE,
              expirationSeconds: 3600,
              path: 'token',
            },
          },
          {
            configMap: {
              name: TRUST_BUNDLE.configMap,
              items: [{ key: TRUST_BUNDLE.key, path: TRUST_BUNDLE.key }],
            },
          },
        ],
      },
    },
  ];
}

function proxyEnv(pod: Pod, config: SidecarConfig, options: PodOptions): EnvVar[] {
  const graceSeconds = pod.spec?.terminationGracePeriodSeconds ?? 30;
  const drainSeconds = Math.max(
    1,
    Math.min(MAX_DRAIN_SECONDS, graceSeconds - DRAIN_MARGIN_SECONDS),
  );
  const maxConnections = options.maxConnections ?? config.maxConnections;
  const field = (name: string, fieldPath: string): EnvVar => ({
    name,
    valueFrom: { fieldRef: { fieldPath } },
  });
  return [
    ...Object.entries(SIDECAR_MALLOC).map(([name, value]) => ({ name, value })),
    { name: 'REMORA_CONTROL_PLANE', value: config.controlPlane },
    { name: 'REMORA_CONTROL_PLANE_NAME', value: config.controlPlaneName },
    { name: 'REMORA_TRUST_BUNDLE', value: `${MOUNT.credentials}/${TRUST_BUNDLE.key}` },
    { name: 'REMORA_TOKEN_PATH', value: `${MOUNT.credentials}/token` },
    { name: 'REMORA_STATE_DIR', value: MOUNT.state },
    { name: 'REMORA_INTERCEPTION', value: 'redirect' },
    ...(options.trunkPort === PORT.trunk
      ? []
      : [{ name: 'REMORA_TRUNK_ADDRESS', value: `0.0.0.0:${options.trunkPort}` }]),
    { name: 'REMORA_LOG_LEVEL', value: options.logLevel ?? config.logLevel },
    { name: 'REMORA_ACCESS_LOG', value: options.accessLog ?? config.accessLog },
    ...(options.accessLogQuery === undefined
      ? []
      : [{ name: 'REMORA_ACCESS_LOG_QUERY', value: options.accessLogQuery }]),
    ...(options.threads === undefined
      ? []
      : [{ name: 'REMORA_THREADS', value: String(options.threads) }]),
    ...(maxConnections === undefined
      ? []
      : [{ name: 'REMORA_MAX_CONNECTIONS', value: String(maxConnections) }]),
    { name: 'REMORA_DRAIN_SECONDS', value: String(drainSeconds) },
    field('REMORA_POD_NAME', 'metadata.name'),
    field('REMORA_POD_NAMESPACE', 'metadata.namespace'),
    field('REMORA_POD_ADDRESSES', 'status.podIPs'),
    field('REMORA_SERVICE_ACCOUNT', 'spec.serviceAccountName'),
    field('REMORA_NODE_NAME', 'spec.nodeName'),
  ];
}

function proxyResources(config: SidecarConfig, options: PodOptions): Resources {
  const requests: Record<string, string> = {};
  const limits: Record<string, string> = {};
  for (const [name, request, limit, ownLimit] of [
    [
      'cpu',
      options.cpuRequest ?? config.resources.cpuRequest,
      options.cpuLimit ?? config.resources.cpuLimit,
      options.cpuLimit,
    ],
    [
      'memory',
      options.memoryRequest ?? config.resources.memoryRequest,
      options.memoryLimit ?? config.resources.memoryLimit,
      options.memoryLimit,
    ],
  ] as const) {
    const above =
      request !== undefined && limit !== undefined && parseQuantity(request) > parseQuantity(limit);
    // Whoever asks for one and is silent about the other means: as much as that needs.
    if (request !== undefined) requests[name] = above && ownLimit !== undefined ? limit : request;
    if (limit !== undefined) limits[name] = above && ownLimit === undefined ? request : limit;
  }
  return { requests, limits };
}

function image(config: SidecarConfig): Pick<Container, 'image' | 'imagePullPolicy'> {
  const { image: name, imagePullPolicy } = config;
  return imagePullPolicy === undefined ? { image: name } : { image: name, imagePullPolicy };
}

function probe(timing: {
  periodSeconds: number;
  timeoutSeconds: number;
  failureThreshold: number;
}): NonNullable<Container['startupProbe']> {
  return { httpGet: { path: '/ready', port: PORT.health }, ...timing };
}
