/**
 * Names and numbers on which all processes agree, and users rely: labels,
 * annotations, ports. Beside the messages because both are the contract.
 */

/** The API group of our own resources, and the prefix of labels and annotations. */
export const GROUP = 'remora.dev';

/** On a namespace: `enabled` opts in. On a pod (label or annotation): `disabled` opts out. */
export const INJECT_LABEL = 'remora.dev/inject';

/** Set on pods by the injector: this pod has a sidecar that speaks mTLS. */
export const SIDECAR_LABEL = 'remora.dev/sidecar';
export const SIDECAR_LABEL_VALUE = 'enabled';

/** On a namespace: what its pods may call outside of the mesh, one of `EGRESS`. */
export const EGRESS_LABEL = 'remora.dev/egress';
export const EGRESS = { allow: 'allow', registeredOnly: 'registered-only' } as const;

/** Names of a pod's annotations. */
export const ANNOTATION = {
  /** Set by the injector; a pod that carries it is not patched again. Holds the injector's version. */
  injected: 'remora.dev/injected',
  /** The port of the pod's trunk, where it is not the usual one. */
  trunkPort: 'remora.dev/trunk-port',
  /** Comma-separated ports that bypass the sidecar. */
  excludeInboundPorts: 'remora.dev/exclude-inbound-ports',
  excludeOutboundPorts: 'remora.dev/exclude-outbound-ports',
  /** Comma-separated CIDRs that outbound connections reach directly. */
  excludeOutboundCidrs: 'remora.dev/exclude-outbound-cidrs',
  /** Resources of the sidecar container, as in a pod: `100m`, `128Mi`. */
  cpuRequest: 'remora.dev/proxy-cpu-request',
  cpuLimit: 'remora.dev/proxy-cpu-limit',
  memoryRequest: 'remora.dev/proxy-memory-request',
  memoryLimit: 'remora.dev/proxy-memory-limit',
  /** `debug`, `info`, `warn` or `error`. */
  logLevel: 'remora.dev/proxy-log-level',
  /** One of `ACCESS_LOG.formats`. */
  accessLog: 'remora.dev/access-log',
  /** One of `ACCESS_LOG.queries`. */
  accessLogQuery: 'remora.dev/access-log-query',
  /** Data paths of the sidecar, each with a thread of its own; within `THREADS`. */
  threads: 'remora.dev/proxy-threads',
  /** Connections that each listener of the sidecar holds open; within `MAX_CONNECTIONS`. */
  maxConnections: 'remora.dev/proxy-max-connections',
} as const;

/** What settings of a sidecar may be, wherever they are given. */
export const THREADS = { min: 1, max: 64 } as const;
export const MAX_CONNECTIONS = { min: 10, max: 1_000_000 } as const;

export const PORT = {
  outbound: 15001,
  inbound: 15006,
  trunk: 15008,
  localApi: 15004,
  admin: 15000,
  health: 15020,
  controlPlane: 15010,
  controlPlaneAdmin: 15014,
  injector: 15443,
} as const;

/** What may be asked of a sidecar's access log; the first is the default. */
export const ACCESS_LOG = {
  formats: ['off', 'text', 'json'],
  queries: ['omit', 'include'],
} as const;

/** User and group of the sidecar: its own connections are not redirected. */
export const SIDECAR_UID = 15137;

export const CONTAINER = { init: 'remora-init', proxy: 'remora-proxy' } as const;

/** Audience of the service-account tokens that sidecars show to the control plane. */
export const TOKEN_AUDIENCE = 'remora';

/** The control plane's namespace, unless the chart is installed elsewhere. */
export const SYSTEM_NAMESPACE = 'remora-system';

/** ConfigMap with the roots of trust that the control plane keeps in each namespace that opted in. */
export const TRUST_BUNDLE = { configMap: 'remora-trust-bundle', key: 'roots.pem' } as const;

/** The service account under which the injector asks for its serving certificate. */
export const INJECTOR_NAME = 'remora-injector';
export const CONTROL_PLANE_NAME = 'remora-control-plane';

/** `controllerName` in the status of routes and policies. */
export const CONTROLLER_NAME = 'remora.dev/mesh';

/** Features of resources (`Resource.requires`) that this release knows. */
export const FEATURES = [
  'policy.v1',
  'load-balancer.v1',
  'limits.v1',
  'filters.v1',
  'regular-expressions.v1',
  'load-balancer.v2',
  'retries.v2',
  'faults.v1',
  'rate-limits.v1',
  'circuit-breaker.v2',
  'connection-routes.v1',
  'session-persistence.v1',
  'external-services.v1',
  'egress.v1',
  'hedging.v1',
] as const;
export type Feature = (typeof FEATURES)[number];

/** `spiffe://<trust-domain>/ns/<namespace>/sa/<service-account>` */
export function spiffeId(trustDomain: string, namespace: string, serviceAccount: string): string {
  return `spiffe://${trustDomain}/ns/${namespace}/sa/${serviceAccount}`;
}
