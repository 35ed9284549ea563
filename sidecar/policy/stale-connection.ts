import { IDEMPOTENT_METHODS, type Layer } from './layer.ts';

/**
 * A server may close an idle connection in the very moment when a request is on
 * its way over it. That race is ours, since the pool is ours: the request is sent
 * once more when it may be, without taking from any budget.
 */
export const staleConnection: Layer = {
  name: 'stale-connection',
  onAttemptFailed(exchange, failure) {
    if (failure.kind !== 'reset' || !failure.reused || exchange.replayed) return undefined;
    if (!IDEMPOTENT_METHODS.has(exchange.request.method)) return undefined;
    exchange.replayed = true;
    return 0;
  },
};
