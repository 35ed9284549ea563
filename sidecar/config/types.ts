import type { Faults } from './faults.ts';
import type { Filters } from './filters.ts';
import type { InboundRateLimits, RateLimits } from './rate-limits.ts';

/**
 * What a sidecar knows, in the sidecar's own terms. Everything past `decode.ts`
 * uses these; they import nothing. Values are immutable: a push replaces them.
 */

export type Protocol = 'detect' | 'http1' | 'http2' | 'grpc' | 'tcp' | 'tls';

export interface Port {
  readonly port: number;
  readonly name: string;
  readonly protocol: Protocol;
}

/** About this sidecar itself. */
export interface Settings {
  /** The workload this pod belongs to. */
  readonly workload: string;
  readonly trustDomain: string;
  /** Protocols of the pod's own ports; a port that is not listed is detected. */
  readonly inboundPorts: readonly Port[];
  /** Names of the elections in which this pod is a candidate. */
  readonly elections: readonly string[];
  /** Of what comes to the pod's own ports. */
  readonly rateLimits?: readonly InboundRateLimits[];
  /** Present: of what is no service and no pod, only external services may be called. */
  readonly egress?: 'registered-only';
  /** In which the pod runs; absent where that is not known. */
  readonly zone?: string | undefined;
}

/** `<namespace>/<name>` of a Kubernetes Service. */
export type ServiceName = string;

/** The index entry of a service: enough to recognise a connection to it. */
export interface Service {
  readonly namespace: string;
  readonly name: string;
  /** Cluster IPs; empty for a headless service. */
  readonly addresses: readonly string[];
  readonly ports: readonly Port[];
}

export interface Workload {
  readonly address: string;
  readonly pod: string;
  readonly namespace: string;
  readonly workload: string;
  readonly serviceAccount: string;
  readonly node: string;
  readonly zone: string;
  /** The port of the pod's sidecar for mTLS; 0 when it has none. */
  readonly trunkPort: number;
}

export interface Endpoint {
  readonly address: string;
  /** From the service's port to the port on which the pod answers. */
  readonly ports: ReadonlyMap<number, number>;
  readonly workload: Workload;
}

export interface Endpoints {
  readonly service: ServiceName;
  readonly endpoints: readonly Endpoint[];
}

export interface Routes {
  readonly service: ServiceName;
  readonly ports: readonly PortRoutes[];
}

export interface PortRoutes {
  readonly port: number;
  /** With routes bound, a request that matches no rule is answered with 404. */
  readonly routeBound: boolean;
  /** In order of precedence: the first match is taken. */
  readonly rules: readonly HttpRule[];
  /** For requests that no rule took, and connections that are not HTTP. */
  readonly policy: Policy;
  /** With these, connections are routed as a whole, and one that none takes is closed. */
  readonly connectionRules?: readonly ConnectionRule[];
}

/** In order of precedence, as of requests. */
export interface ConnectionRule {
  readonly name: string;
  /** TLS that names one of these, in lower case; `*.` stands for one label or more. None means every connection. */
  readonly serverNames: readonly string[];
  /** TLS alone, with any server name or none. */
  readonly tlsOnly: boolean;
  readonly backends: readonly Backend[];
  readonly policy: Policy;
}

export interface HttpRule {
  /** `<kind>/<namespace>/<name>/<rule name or index>` */
  readonly name: string;
  /** Any of these; none means every request. */
  readonly matches: readonly HttpMatch[];
  readonly backends: readonly Backend[];
  readonly policy: Policy;
  readonly filters?: Filters;
  readonly session?: SessionPersistence;
}

/** A client stays with its endpoint. */
export interface SessionPersistence {
  readonly inHeader: boolean;
  /** Of the cookie, or in lower case of the header. Empty: one of our own for each backend. */
  readonly name: string;
  readonly path: string;
  readonly permanent: boolean;
  /** 0 is none. */
  readonly absoluteTimeoutMs: number;
  readonly idleTimeoutMs: number;
}

export type PathMatch =
  | { readonly kind: 'any' }
  | { readonly kind: 'exact'; readonly value: string }
  /** By segment: `/a` takes `/a` and `/a/b`, not `/ab`. */
  | { readonly kind: 'prefix'; readonly value: string }
  /** RE2, of the whole path. */
  | { readonly kind: 'expression'; readonly value: string };

export interface HttpMatch {
  readonly path: PathMatch;
  /** Undefined means any. */
  readonly method: string | undefined;
  /** Names in lower case. */
  readonly headers: readonly ValueMatch[];
  readonly query: readonly ValueMatch[];
}

export type ValueMatch =
  | { readonly name: string; readonly exact: string }
  /** RE2, of the whole value. */
  | { readonly name: string; readonly expression: string };

export type Backend =
  | {
      readonly kind: 'service';
      readonly service: ServiceName;
      readonly port: number;
      readonly weight: number;
      /** After those of the rule. */
      readonly filters?: Filters;
      /** Of a connection rule's: what its own Service demands of the cluster. */
      readonly policy?: Policy;
    }
  /** Its share of the requests is answered with 500. */
  | { readonly kind: 'invalid'; readonly reason: string; readonly weight: number };

/** An undefined field means the mesh default (`policy/defaults.ts`); 0 ms means no limit. */
export interface Policy {
  /** The TrafficPolicies merged here, `<namespace>/<name>`. */
  readonly sources: readonly string[];
  readonly requestTimeoutMs: number | undefined;
  readonly perTryTimeoutMs: number | undefined;
  readonly connectTimeoutMs: number | undefined;
  readonly idleTimeoutMs: number | undefined;
  readonly retries: Retries | undefined;
  readonly circuitBreaker: CircuitBreaker | undefined;
  readonly loadBalancer: LoadBalancer | undefined;
  readonly limits: Limits | undefined;
  readonly faults?: Faults;
  readonly rateLimits?: RateLimits;
  readonly hedging?: Hedging;
}

export interface Retries {
  /** Further tries after the first. */
  readonly attempts: number;
  readonly statusCodes: ReadonlySet<number>;
  readonly connectFailure: boolean;
  readonly backoffBaseMs: number;
  readonly backoffMaxMs: number;
  /** At most this share of the requests, in percent, may be retries, but always `budgetMinPerSecond`. */
  readonly budgetPercent: number;
  readonly budgetMinPerSecond: number;
  /** Outcomes of gRPC calls; undefined: those that say the same as `statusCodes`. */
  readonly grpcStatuses?: ReadonlySet<number> | undefined;
  /** Who asks for a longer pause is not asked again; 0: nobody is heard. */
  readonly maxRetryAfterMs?: number | undefined;
}

/** A request without a response after a while goes to a second endpoint too. */
export interface Hedging {
  /** Of the response times of others, from 1 to 99: so long it waits, but never shorter than `minDelayMs`. */
  readonly percentile: number;
  readonly minDelayMs: number;
  readonly methods: ReadonlySet<string>;
  /** At most this share of the requests that could be hedged is, in percent, but always `budgetMinPerSecond`. */
  readonly budgetPercent: number;
  readonly budgetMinPerSecond: number;
}

export interface CircuitBreaker {
  /** An endpoint leaves the balancer after this many errors in a row. */
  readonly consecutiveErrors: number;
  readonly ejectionMs: number;
  /** Of the endpoints of one service, at most this share is out at a time. */
  readonly maxEjectedPercent: number;
  /** The same of errors that do not come from the application itself. */
  readonly consecutiveGatewayErrors?: number | undefined;
  readonly successRate?: SuccessRateEjection | undefined;
  readonly latency?: LatencyEjection | undefined;
  /** How often both are looked at. */
  readonly intervalMs?: number | undefined;
  /** Ejections grow with each that follows another, up to this. */
  readonly maxEjectionMs?: number | undefined;
  /** Where less than this share of the endpoints is left, all are used. */
  readonly minHealthyPercent?: number | undefined;
}

/** Endpoints are ejected whose requests succeed less often. */
export interface SuccessRateEjection {
  readonly minPercent: number;
  /** With fewer in an interval, nothing is concluded. */
  readonly minRequests: number;
}

/** Endpoints are ejected that are slower than so much of the others' median. */
export interface LatencyEjection {
  readonly percent: number;
  /** Who is faster than this is not slow. */
  readonly minMs: number;
  readonly minRequests: number;
}

/** How the endpoint of a request is chosen. */
export type LoadBalancer = (
  | { readonly kind: 'least-request' }
  | { readonly kind: 'peak-ewma' }
  | { readonly kind: 'round-robin' }
  | { readonly kind: 'ring-hash'; readonly hash: HashSource }
) & {
  readonly slowStart?: SlowStart | undefined;
  readonly locality?: Locality | undefined;
};

/** The share of a new endpoint grows over a window. */
export interface SlowStart {
  readonly windowMs: number;
  /** What it begins with. */
  readonly minPercent: number;
}

/** Endpoints of the caller's zone first, while at least this share of them is healthy. */
export interface Locality {
  readonly minHealthyPercent: number;
}

/** What of a request decides its endpoint. */
export type HashSource =
  /** The name in lower case. */
  | { readonly kind: 'header'; readonly name: string }
  /**
   * With a lifetime the sidecar sets the cookie itself where a request comes
   * without it; 0 is until the client ends.
   */
  | { readonly kind: 'cookie'; readonly name: string; readonly ttlSeconds: number | undefined }
  /** The calling pod. */
  | { readonly kind: 'source' };

/** What one sidecar may have under way to one port of a service. Undefined means the mesh default. */
export interface Limits {
  /** Open connections, idle ones included. */
  readonly maxConnections: number | undefined;
  /** Requests that wait for a connection. */
  readonly maxPendingRequests: number | undefined;
  /** Requests and connections that are not HTTP, waiting ones included. */
  readonly maxRequests: number | undefined;
}

/** How requests and connections are logged. Told at the start, and not by a push. */
export interface AccessLogSettings {
  readonly format: 'off' | 'text' | 'json';
  /** Queries often hold secrets: they are left out unless somebody asks for them. */
  readonly includesQuery: boolean;
}

/** Hosts outside of the mesh. */
export interface ExternalService {
  readonly namespace: string;
  readonly name: string;
  /** In lower case; `*.` stands for one label or more. */
  readonly hosts: readonly string[];
  readonly ports: readonly ExternalPort[];
  /** Addresses and names to connect to; none: the host itself. */
  readonly endpoints: readonly string[];
  readonly policy: Policy;
}

export interface ExternalPort {
  readonly port: number;
  /** `http1` is HTTP of any version. */
  readonly protocol: 'http1' | 'tls' | 'tcp';
  readonly targetPort: number;
  /** The sidecar speaks TLS there; empty texts are the host itself, and public certificates. */
  readonly tls?: { readonly serverName: string; readonly caCertificates: string };
}

/** Everything that is in force, as one immutable value. */
export interface Config {
  /** The hash that the control plane gave this state; a static file's is `static`. */
  readonly version: string;
  readonly settings: Settings;
  readonly services: ReadonlyMap<ServiceName, Service>;
  readonly routes: ReadonlyMap<ServiceName, Routes>;
  readonly endpoints: ReadonlyMap<ServiceName, Endpoints>;
  /** By address. An entry of `null` says that nobody of the mesh answers there. */
  readonly workloads: ReadonlyMap<string, Workload | null>;
  /** By `<namespace>/<name>`. */
  readonly externals?: ReadonlyMap<string, ExternalService>;
}
