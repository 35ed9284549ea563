import type { Exchange } from '../exchange.ts';
import type { RequestMessage } from '../message.ts';
import type { EffectiveRetries } from './effective.ts';
import { type AttemptFailure, IDEMPOTENT_METHODS, type Layer } from './layer.ts';
import { requestLimitMs } from './request-timeout.ts';
import { grpcStatusOf, statusOf } from './respond.ts';
import { askedPauseMs } from './retry-after.ts';

/** Waited for, where a server asks and no policy says otherwise. */
const MAX_RETRY_AFTER_MS = 2_000;

/**
 * Sends a request again when its policy asks for that: after a status in the
 * list, or when no connection came about. A server that says when to come again
 * is obeyed, or not asked again. The outcome of a gRPC call counts as the
 * status that says the same, when nothing but it came. A reset or a timeout counts
 * as the status that the client would get; for idempotent methods it also counts as
 * a failure to connect, as a refused stream does for all.
 */
export const retry: Layer = {
  name: 'retry',
  onRequest(exchange) {
    exchange.policy.retries?.budget.countRequest();
    return undefined;
  },
  onAttemptFailed(exchange, failure) {
    const retries = exchange.policy.retries;
    if (retries === undefined || exchange.retries >= retries.attempts) return undefined;
    if (!isRetried(retries, failure, exchange.request)) return undefined;
    const pause = pauseBefore(exchange, retries, failure);
    if (pause === undefined) return undefined;
    if (!retries.budget.tryTake(retries.budgetPercent, retries.budgetMinPerSecond)) {
      return undefined;
    }
    exchange.retries += 1;
    return pause;
  },
};

/** Undefined when the next try would come too late: the client gets what there is. */
function pauseBefore(
  exchange: Exchange,
  retries: EffectiveRetries,
  failure: AttemptFailure,
): number | undefined {
  const { clock } = exchange.context;
  const { maxRetryAfterMs = MAX_RETRY_AFTER_MS } = retries;
  let pause = pauseMs(retries, exchange.retries + 1, Math.random());
  if (failure.kind === 'status' && maxRetryAfterMs > 0) {
    const asked = askedPauseMs(failure.response, exchange.request.isGrpc, clock.wallMs()) ?? 0;
    if (asked > maxRetryAfterMs) return undefined;
    pause = Math.max(pause, asked);
  }
  const limitMs = requestLimitMs(exchange);
  const elapsedMs = clock.monotonicMs() - exchange.startedMs;
  return limitMs > 0 && elapsedMs + pause >= limitMs ? undefined : pause;
}

function isRetried(
  retries: EffectiveRetries,
  failure: AttemptFailure,
  { method, isGrpc }: RequestMessage,
): boolean {
  const { grpcStatuses } = retries;
  switch (failure.kind) {
    case 'connect':
      return (
        retries.connectFailure ||
        (failure.status !== undefined && retries.statusCodes.has(failure.status))
      );
    case 'status':
      // Where statuses of gRPC are named, calls go by them alone.
      return grpcStatuses !== undefined && failure.grpcStatus !== undefined
        ? grpcStatuses.has(failure.grpcStatus)
        : retries.statusCodes.has(failure.status);
    case 'refused':
      return retries.connectFailure || retries.statusCodes.has(statusOf(failure.error));
    case 'reset':
    case 'timeout':
      return (
        (isGrpc && grpcStatuses !== undefined
          ? grpcStatuses.has(grpcStatusOf(failure.error))
          : retries.statusCodes.has(statusOf(failure.error))) ||
        (retries.connectFailure && IDEMPOTENT_METHODS.has(method))
      );
    case 'final':
      return false;
  }
}

/**
 * Doubles with every retry up to the maximum, drawn from the upper half of its
 * span, so that requests that failed together do not come back together.
 *
 * @param retry 1 for the first
 */
export function pauseMs(
  retries: Pick<EffectiveRetries, 'backoffBaseMs' | 'backoffMaxMs'>,
  retry: number,
  random: number,
): number {
  const spanMs = Math.min(retries.backoffMaxMs, retries.backoffBaseMs * 2 ** (retry - 1));
  return spanMs / 2 + (random * spanMs) / 2;
}
