import type { Hedging, Policy } from '../config/types.ts';
import type { EffectiveHedging, EffectivePolicy } from './effective.ts';
import { HedgeDelay } from './hedge-delay.ts';
import type { SharedCounts } from './shared-counts.ts';

/**
 * What holds where no TrafficPolicy says otherwise.
 *
 * - No request timeout and no retries: the application did not ask for them, and a
 *   download or a long poll must work as without a mesh. The one replay on a stale
 *   connection stays, since without a mesh there would be no connection of ours.
 * - When an endpoint cannot be reached, nothing has come to any application: two
 *   others are tried at once, and no budget counts that. A pod whose sidecar just
 *   died then costs nobody a request.
 * - Connecting inside a cluster takes milliseconds; 1 s lets one lost SYN be sent again.
 * - An hour without a byte ends a connection: longer than the keep-alive of any
 *   common client or server, so that these decide, and short enough that what a
 *   vanished peer leaves behind goes away.
 */
export const DEFAULT_POLICY: EffectivePolicy = {
  requestTimeoutMs: 0,
  perTryTimeoutMs: 0,
  connectTimeoutMs: 1_000,
  idleTimeoutMs: 3_600_000,
  retries: undefined,
  connectRetries: 2,
  hash: undefined,
};

/** Nothing is said. */
export const NO_POLICY: Policy = {
  sources: [],
  requestTimeoutMs: undefined,
  perTryTimeoutMs: undefined,
  connectTimeoutMs: undefined,
  idleTimeoutMs: undefined,
  retries: undefined,
  circuitBreaker: undefined,
  loadBalancer: undefined,
  limits: undefined,
};

/** @param counts of the cluster that the requests go to */
export function effectivePolicy(policy: Policy, counts: SharedCounts): EffectivePolicy {
  return {
    requestTimeoutMs: policy.requestTimeoutMs ?? DEFAULT_POLICY.requestTimeoutMs,
    perTryTimeoutMs: policy.perTryTimeoutMs ?? DEFAULT_POLICY.perTryTimeoutMs,
    connectTimeoutMs: policy.connectTimeoutMs ?? DEFAULT_POLICY.connectTimeoutMs,
    idleTimeoutMs: policy.idleTimeoutMs ?? DEFAULT_POLICY.idleTimeoutMs,
    retries:
      policy.retries === undefined || policy.retries.attempts === 0
        ? undefined
        : { ...policy.retries, budget: counts.retries },
    hash: policy.loadBalancer?.kind === 'ring-hash' ? policy.loadBalancer.hash : undefined,
    connectRetries: retriesConnecting(policy) ? DEFAULT_POLICY.connectRetries : 0,
    ...(policy.hedging && { hedging: effectiveHedging(policy.hedging, counts) }),
  };
}

function effectiveHedging(hedging: Hedging, { hedges }: SharedCounts): EffectiveHedging {
  const delay = new HedgeDelay(hedges.times, hedging.percentile, hedging.minDelayMs);
  return { ...hedging, ...hedges, delay };
}

/** A policy may say that nothing is tried again, or that this is not. */
function retriesConnecting({ retries }: Policy): boolean {
  return retries === undefined || (retries.attempts > 0 && retries.connectFailure);
}
