/**
 * What the control plane knows, past the watch: no Kubernetes types, no
 * protobuf, no imports. The resources below are what sidecars receive; their
 * fields mirror `proto/remora/v1/config.proto`, whose comments are the contract.
 */

export type Protocol = 'detect' | 'http1' | 'http2' | 'grpc' | 'tcp' | 'tls';

export interface Port {
  readonly port: number;
  readonly name: string;
  readonly protocol: Protocol;
}

export interface Settings {
  readonly kind: 'settings';
  readonly workload: string;
  readonly trustDomain: string;
  readonly inboundPorts: readonly Port[];
  readonly elections: readonly string[];
  readonly rateLimits?: readonly InboundRateLimits[];
  /** Absent: what is not registered may be called. */
  readonly egress?: 'registered-only';
  /** Absent where it is not known. */
  readonly zone?: string;
}

export interface Service {
  readonly kind: 'service';
  readonly namespace: string;
  readonly name: string;
  readonly addresses: readonly string[];
  readonly ports: readonly Port[];
  /** A client is to stay with its endpoint. */
  readonly sessionAffinity?: 'ClientIP';
}

export interface Routes {
  readonly kind: 'routes';
  /** `<namespace>/<name>` */
  readonly service: string;
  readonly ports: readonly PortRoutes[];
}

export interface PortRoutes {
  readonly port: number;
  readonly routeBound: boolean;
  readonly rules: readonly HttpRule[];
  readonly policy: Policy;
  /** With one or more, the port carries connections that nobody parses; in order of precedence. */
  readonly connectionRules?: readonly ConnectionRule[];
}

/** Where connections go as a whole. */
export interface ConnectionRule {
  readonly name: string;
  /** TLS with one of these server names, `*.` standing for any before; none means every connection. */
  readonly serverNames: readonly string[];
  /** Only TLS, whatever its server name. */
  readonly tlsOnly: boolean;
  readonly backends: readonly Backend[];
  readonly policy: Policy;
}

export interface HttpRule {
  readonly name: string;
  readonly matches: readonly HttpMatch[];
  readonly backends: readonly Backend[];
  readonly policy: Policy;
  readonly filters?: Filters;
  readonly session?: SessionPersistence;
}

/** A client stays with its endpoint (GEP-1619). */
export interface SessionPersistence {
  readonly inHeader: boolean;
  /** Of the cookie or header; empty: one that is made up. */
  readonly name: string;
  readonly path: string;
  readonly permanent: boolean;
  readonly absoluteTimeoutMs?: number;
  readonly idleTimeoutMs?: number;
}

export interface HttpMatch {
  readonly path?: { readonly kind: 'exact' | 'prefix' | 'expression'; readonly value: string };
  readonly method?: string;
  readonly headers: readonly ValueMatch[];
  readonly query: readonly ValueMatch[];
}

export type ValueMatch =
  | { readonly name: string; readonly exact: string }
  | { readonly name: string; readonly expression: string };

export interface Backend {
  readonly service: string;
  readonly port: number;
  readonly weight: number;
  /** Why this backend cannot be used; its share is answered with 500. */
  readonly invalid?: string;
  readonly filters?: Filters;
  /** What the backend's own Service says of its cluster. */
  readonly policy?: Policy;
}

/** What a rule, or one of its backends, does to the messages that it takes. */
export interface Filters {
  readonly requestHeaders?: HeaderChanges;
  readonly responseHeaders?: HeaderChanges;
  readonly redirect?: Redirect;
  readonly rewrite?: Rewrite;
  readonly cors?: Cors;
  readonly mirrors: readonly Mirror[];
}

export interface HeaderChanges {
  readonly set: readonly Header[];
  readonly add: readonly Header[];
  readonly remove: readonly string[];
}

export interface Header {
  readonly name: string;
  readonly value: string;
}

export interface PathChange {
  readonly kind: 'full' | 'prefix';
  readonly value: string;
}

export interface Redirect {
  readonly scheme?: string;
  readonly hostname?: string;
  readonly path?: PathChange;
  readonly port?: number;
  readonly status: number;
}

export interface Rewrite {
  readonly hostname?: string;
  readonly path?: PathChange;
}

export interface Cors {
  readonly allowOrigins: readonly string[];
  readonly allowCredentials: boolean;
  readonly allowMethods: readonly string[];
  readonly allowHeaders: readonly string[];
  readonly exposeHeaders: readonly string[];
  readonly maxAgeSeconds: number;
}

export interface Mirror {
  readonly service: string;
  readonly port: number;
  readonly numerator: number;
  readonly denominator: number;
}

export interface Policy {
  readonly sources: readonly string[];
  readonly requestTimeoutMs?: number;
  readonly perTryTimeoutMs?: number;
  readonly connectTimeoutMs?: number;
  readonly idleTimeoutMs?: number;
  readonly retries?: Retries;
  readonly hedging?: Hedging;
  readonly circuitBreaker?: CircuitBreaker;
  readonly loadBalancer?: LoadBalancer;
  readonly limits?: Limits;
  readonly faults?: Faults;
  readonly rateLimits?: RateLimits;
}

/** A request without a response after a while goes to a second endpoint too. */
export interface Hedging {
  readonly percentile: number;
  readonly minDelayMs: number;
  readonly methods: readonly string[];
  readonly budgetPercent: number;
  readonly budgetMinPerSecond: number;
}

/** What is done to a share of the requests on purpose. */
export interface Faults {
  readonly source: string;
  readonly matches: readonly HttpMatch[];
  readonly delay?: { readonly durationMs: number; readonly partsPerMillion: number };
  readonly abort?: {
    readonly httpStatus?: number;
    readonly grpcStatus?: number;
    readonly partsPerMillion: number;
  };
  readonly bandwidth?: { readonly bytesPerSecond: number; readonly partsPerMillion: number };
  /** RFC 3339 */
  readonly expiresAt?: string;
}

/** What one policy says of one target. */
export interface RateLimits {
  readonly source: string;
  readonly target: string;
  readonly limits: readonly RateLimit[];
  readonly store?: {
    readonly redis: string;
    readonly timeoutMs: number;
    readonly failOpen: boolean;
  };
}

export interface RateLimit {
  readonly name: string;
  readonly requests: number;
  readonly windowMs: number;
  readonly burst: number;
  readonly key:
    | { readonly kind: 'everybody' }
    | { readonly kind: 'caller' }
    | { readonly kind: 'header'; readonly name: string };
  readonly maxKeys: number;
  readonly global: boolean;
}

export interface InboundRateLimits {
  readonly port: number;
  readonly limits: readonly RateLimits[];
}

export interface Retries {
  readonly attempts: number;
  readonly statusCodes: readonly number[];
  readonly connectFailure: boolean;
  readonly backoffBaseMs: number;
  readonly backoffMaxMs: number;
  readonly budgetPercent: number;
  readonly budgetMinPerSecond: number;
  /** Numbers; absent: those that say the same as `statusCodes`. */
  readonly grpcStatuses?: readonly number[];
  readonly maxRetryAfterMs?: number;
}

export interface CircuitBreaker {
  readonly consecutiveErrors: number;
  readonly ejectionMs: number;
  readonly maxEjectedPercent: number;
  readonly consecutiveGatewayErrors?: number;
  readonly successRate?: { readonly minPercent: number; readonly minRequests: number };
  readonly latency?: {
    readonly percent: number;
    readonly minMs: number;
    readonly minRequests: number;
  };
  readonly intervalMs?: number;
  readonly maxEjectionMs?: number;
  readonly minHealthyPercent?: number;
}

export interface LoadBalancer {
  readonly type: 'least-request' | 'peak-ewma' | 'round-robin' | 'ring-hash';
  /** With `ring-hash`, and only with it. */
  readonly hash?: HashSource;
  readonly slowStart?: { readonly windowMs: number; readonly minPercent: number };
  readonly locality?: { readonly minHealthyPercent: number };
}

export type HashSource =
  | { readonly kind: 'header'; readonly name: string }
  /** With a lifetime, sidecars set the cookie where it is missing; 0 is until the client ends. */
  | { readonly kind: 'cookie'; readonly name: string; readonly ttlSeconds?: number }
  | { readonly kind: 'source' };

/** What is absent has the mesh's default. */
export interface Limits {
  readonly maxConnections?: number;
  readonly maxPendingRequests?: number;
  readonly maxRequests?: number;
}

export interface Endpoints {
  readonly kind: 'endpoints';
  /** `<namespace>/<name>` */
  readonly service: string;
  readonly endpoints: readonly Endpoint[];
}

export interface Endpoint {
  readonly address: string;
  readonly ports: readonly { readonly servicePort: number; readonly targetPort: number }[];
  readonly workload: Workload;
}

export interface Workload {
  readonly kind: 'workload';
  readonly address: string;
  readonly pod: string;
  readonly namespace: string;
  readonly workload: string;
  readonly serviceAccount: string;
  readonly node: string;
  readonly zone: string;
  /** 0 when the pod has no sidecar. */
  readonly trunkPort: number;
}

/** Hosts outside of the mesh. */
export interface ExternalService {
  readonly kind: 'external';
  readonly namespace: string;
  readonly name: string;
  readonly hosts: readonly string[];
  readonly ports: readonly ExternalPort[];
  /** Addresses or names to connect to; none: the host itself. */
  readonly endpoints: readonly string[];
  readonly policy: Policy;
}

export interface ExternalPort {
  readonly port: number;
  readonly protocol: 'http1' | 'tls' | 'tcp';
  readonly targetPort: number;
  /** Empty texts: the host itself, and public certificates. */
  readonly tls?: { readonly serverName: string; readonly caCertificates: string };
}

export type Resource = Settings | Service | Routes | Endpoints | Workload | ExternalService;

/** An election as its candidates' streams need it. */
export interface ElectionSpec {
  readonly namespace: string;
  readonly name: string;
  readonly leaseDurationMs: number;
  /** Names of the pods that may lead. */
  readonly candidates: ReadonlySet<string>;
}
