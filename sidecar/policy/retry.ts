import type { EffectiveRetries } from './effective.ts';
import { type AttemptFailure, IDEMPOTENT_METHODS, type Layer } from './layer.ts';
import { statusOf } from './respond.ts';

/**
 * Sends a request again when its policy asks for that: after a status in the
 * list, or when no connection came about. The outcome of a gRPC call counts as the
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
    if (!isRetried(retries, failure, exchange.request.method)) return undefined;
    if (!retries.budget.tryTake(retries.budgetPercent, retries.budgetMinPerSecond)) {
      return undefined;
    }
    exchange.retries += 1;
    return pauseMs(retries, exchange.retries, Math.random());
  },
};

function isRetried(retries: EffectiveRetries, failure: AttemptFailure, method: string): boolean {
  switch (failure.kind) {
    case 'connect':
      return (
        retries.connectFailure ||
        (failure.status !== undefined && retries.statusCodes.has(failure.status))
      );
    case 'status':
      return retries.statusCodes.has(failure.status);
    case 'refused':
      return retries.connectFailure || retries.statusCodes.has(statusOf(failure.error));
    case 'reset':
    case 'timeout':
      return (
        retries.statusCodes.has(statusOf(failure.error)) ||
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
