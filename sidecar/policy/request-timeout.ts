import { MeshError } from '../../runtime/errors.ts';
import type { Exchange } from '../exchange.ts';
import type { Layer } from './layer.ts';

/**
 * Ends an exchange that takes too long as a whole, tries and pauses included:
 * longer than its policy allows, or than its client waits.
 */
export const requestTimeout: Layer = {
  name: 'request-timeout',
  onRequest(exchange) {
    const limitMs = requestLimitMs(exchange);
    if (limitMs === 0) return undefined;
    exchange.requestTimer = exchange.context.clock.setTimeout(() => {
      exchange.fail(
        new MeshError('request-timeout', `the request took longer than its limit of ${limitMs} ms`),
      );
    }, limitMs);
    return undefined;
  },
  onUpgraded(exchange) {
    exchange.requestTimer?.cancel();
  },
  onEnd(exchange) {
    exchange.requestTimer?.cancel();
  },
};

/** How long the exchange may take; 0 is without limit. */
export function requestLimitMs({ policy, request }: Exchange): number {
  const own = policy.requestTimeoutMs;
  const { timeoutMs } = request;
  return own === 0 || timeoutMs === 0 ? own + timeoutMs : Math.min(own, timeoutMs);
}
