import { IDEMPOTENT_METHODS, type Layer } from './layer.ts';

/**
 * A server may close an idle connection in the very moment when a request is on
 * its way over it. That race is ours, since the pool is ours: the request is sent
 * once more when it may be, without taking from any budget. So is a stream that an
 * HTTP/2 server refused because its connection was full or on its way out: it may
 * always be sent again. A connection on which the server has had enough is as good as
 * stale.
 */
export const staleConnection: Layer = {
  name: 'stale-connection',
  onAttemptFailed(exchange, failure) {
    if (exchange.replayed) return undefined;
    if (failure.kind === 'reset') {
      if (!failure.reused || !IDEMPOTENT_METHODS.has(exchange.request.method)) return undefined;
    } else if (failure.kind !== 'refused') {
      return undefined;
    }
    exchange.replayed = true;
    return 0;
  },
};
