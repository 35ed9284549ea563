import { parseDurationMs } from '../crds/duration.ts';
import { grpcFailureNumber } from '../crds/grpc-failures.ts';
import type { TrafficPolicyObject } from '../watch/custom-kinds.ts';
import type { RouteRetry, RouteRuleSpec } from '../watch/route.ts';
import type { PolicyField, PolicySettings } from './attachment.ts';
import type {
  CircuitBreaker,
  HashSource,
  Hedging,
  Limits,
  LoadBalancer,
  Policy,
  Retries,
  SessionPersistence,
} from './types.ts';

/** What users call the fields of a policy. */
export const FIELD_NAMES: Readonly<Record<PolicyField, string>> = {
  requestTimeoutMs: 'timeouts.request',
  perTryTimeoutMs: 'timeouts.perTry',
  connectTimeoutMs: 'timeouts.connect',
  idleTimeoutMs: 'timeouts.idle',
  retries: 'retries',
  hedging: 'hedging',
  circuitBreaker: 'circuitBreaker',
  loadBalancer: 'loadBalancer',
  limits: 'limits',
  faults: 'faults',
  rateLimits: 'rate limits',
};

/** What a TrafficPolicy sets. */
export function trafficSettings(spec: Spec): PolicySettings {
  const { timeouts, retries, hedging, circuitBreaker, loadBalancer, limits } = spec;
  return compact<PolicySettings>({
    requestTimeoutMs: optionalMs(timeouts?.request),
    perTryTimeoutMs: optionalMs(timeouts?.perTry),
    connectTimeoutMs: optionalMs(timeouts?.connect),
    idleTimeoutMs: optionalMs(timeouts?.idle),
    retries: retries && toRetries(retries),
    hedging: hedging && toHedging(hedging),
    circuitBreaker: circuitBreaker && toCircuitBreaker(circuitBreaker),
    loadBalancer: loadBalancer && toLoadBalancer(loadBalancer),
    limits: limits && compact<Limits>(limits),
  });
}

function toCircuitBreaker(breaker: NonNullable<Spec['circuitBreaker']>): CircuitBreaker {
  const { ejectionTime, maxEjectionTime, interval, latency, ...counts } = breaker;
  return compact<CircuitBreaker>({
    consecutiveErrors: counts.consecutiveErrors,
    consecutiveGatewayErrors: counts.consecutiveGatewayErrors,
    successRate: counts.successRate,
    latency: latency && {
      percent: latency.percent,
      minMs: optionalMs(latency.min) ?? 0,
      minRequests: latency.minRequests,
    },
    intervalMs: optionalMs(interval),
    ejectionMs: optionalMs(ejectionTime) ?? 0,
    maxEjectionMs: optionalMs(maxEjectionTime),
    maxEjectedPercent: counts.maxEjectedPercent,
    minHealthyPercent: counts.minHealthyPercent,
  });
}

function toRetries(retries: NonNullable<Spec['retries']>): Retries {
  const { grpcStatuses, maxRetryAfter } = retries;
  return compact<Retries>({
    attempts: retries.attempts,
    statusCodes: [...new Set(retries.statusCodes)].sort((a, b) => a - b),
    connectFailure: retries.connectFailure,
    backoffBaseMs: optionalMs(retries.backoff.base) ?? 0,
    backoffMaxMs: optionalMs(retries.backoff.max) ?? 0,
    budgetPercent: retries.budget.percent,
    budgetMinPerSecond: retries.budget.minPerSecond,
    grpcStatuses: grpcStatuses?.map(grpcFailureNumber).sort((a, b) => a - b),
    maxRetryAfterMs: optionalMs(maxRetryAfter),
  });
}

function toHedging(hedging: NonNullable<Spec['hedging']>): Hedging {
  const { percentile, minDelay, methods, budget } = hedging;
  return {
    percentile,
    minDelayMs: optionalMs(minDelay) ?? 0,
    methods: [...new Set(methods)].sort(),
    budgetPercent: budget.percent,
    budgetMinPerSecond: budget.minPerSecond,
  };
}

type Spec = NonNullable<TrafficPolicyObject['spec']>;

const BALANCERS = {
  LeastRequest: 'least-request',
  PeakEwma: 'peak-ewma',
  RoundRobin: 'round-robin',
  RingHash: 'ring-hash',
} as const;

function toLoadBalancer(balancer: NonNullable<Spec['loadBalancer']>): LoadBalancer {
  const { type, hash, slowStart, locality } = balancer;
  return compact<LoadBalancer>({
    type: BALANCERS[type],
    hash: hash && toHashSource(hash),
    slowStart: slowStart && {
      windowMs: optionalMs(slowStart.window) ?? 0,
      minPercent: slowStart.minPercent,
    },
    locality,
  });
}

/** The schema has seen to it that there is exactly one. */
function toHashSource({
  header,
  cookie,
}: NonNullable<NonNullable<Spec['loadBalancer']>['hash']>): HashSource {
  if (header !== undefined) return { kind: 'header', name: header.toLowerCase() };
  if (cookie === undefined) return { kind: 'source' };
  const { name, ttl } = cookie;
  if (ttl === undefined) return { kind: 'cookie', name };
  // Cookies count whole seconds, and 0 stands for something else.
  return { kind: 'cookie', name, ttlSeconds: Math.ceil((optionalMs(ttl) ?? 0) / 1000) };
}

/** A timeout of 0 s is none. */
export function toSession(
  spec: NonNullable<RouteRuleSpec['sessionPersistence']>,
): SessionPersistence {
  const { absoluteTimeout, idleTimeout, ...told } = spec;
  return {
    ...told,
    ...compact<Pick<SessionPersistence, 'absoluteTimeoutMs' | 'idleTimeoutMs'>>({
      absoluteTimeoutMs: optionalMs(absoluteTimeout),
      idleTimeoutMs: optionalMs(idleTimeout),
    }),
  };
}

/** A rule's own timeouts (GEP-1742) and retries (GEP-1731) as settings. */
export function ruleSettings({ timeouts, retry }: RouteRuleSpec): PolicySettings {
  return compact<PolicySettings>({
    requestTimeoutMs: optionalMs(timeouts?.request),
    perTryTimeoutMs: optionalMs(timeouts?.backendRequest),
    retries: retry && retriesOf(retry),
  });
}

/** What the stanza does not say is as in a TrafficPolicy that does not say it either. */
function retriesOf({ attempts, codes, backoff }: RouteRetry): NonNullable<Policy['retries']> {
  const backoffBaseMs = optionalMs(backoff) ?? 25;
  return {
    attempts,
    statusCodes: [...new Set(codes)].sort((a, b) => a - b),
    connectFailure: true,
    backoffBaseMs,
    backoffMaxMs: 10 * backoffBaseMs,
    budgetPercent: 20,
    budgetMinPerSecond: 10,
  };
}

function optionalMs(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseDurationMs(text);
}

/** Without the fields that are undefined: absent means the mesh's default. */
function compact<T extends object>(fields: { [K in keyof T]: T[K] | undefined }): T {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as T;
}
