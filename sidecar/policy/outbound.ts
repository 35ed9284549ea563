import { accessLog } from './access-log.ts';
import { attemptTimeout } from './attempt-timeout.ts';
import type { EffectivePolicy } from './effective.ts';
import { hashKey } from './hash-key.ts';
import { hedging } from './hedging.ts';
import { type Layer, stackOf } from './layer.ts';
import { metrics } from './metrics.ts';
import { otherEndpoint } from './other-endpoint.ts';
import { requestTimeout } from './request-timeout.ts';
import { retry } from './retry.ts';
import { staleConnection } from './stale-connection.ts';
import { traceContext } from './trace-context.ts';

/**
 * The layers of requests that leave the pod, without those that nobody has a use for.
 *
 * @param filters those of the rule, then those of the backend
 * @param guards what may hold or refuse a request: rate limits, then faults
 */
export function outboundLayers(
  policy: EffectivePolicy,
  accessLogged: boolean,
  filters: readonly Layer[] = [],
  guards: readonly Layer[] = [],
): readonly Layer[] {
  const layers: Layer[] = [
    // Outermost, so that they tell what the client saw.
    metrics,
    ...(accessLogged ? [accessLog] : []),
    // Before anything of the request is written, and before a rule changes it.
    traceContext,
    // What a rule answers by itself waits for nobody.
    ...filters,
    // Around the attempts: pauses between them count as well. Without a policy too,
    // since clients of gRPC bring a limit of their own.
    requestTimeout,
    // Within that limit, since requests wait here. A call that is refused takes no token.
    ...guards,
  ];
  // Before an endpoint is picked.
  if (policy.hash !== undefined) layers.push(hashKey);
  // Before `retry`: what our own pool or a dead pod is to blame for takes nothing from the budget.
  layers.push(staleConnection);
  if (policy.connectRetries > 0) layers.push(otherEndpoint);
  if (policy.retries !== undefined) layers.push(retry);
  // Around an attempt and the one beside it: what becomes of both together may be retried.
  if (policy.hedging !== undefined) layers.push(hedging);
  // Innermost: one attempt.
  if (policy.perTryTimeoutMs > 0) layers.push(attemptTimeout);
  return stackOf(layers);
}
