import { MeshError } from '../../runtime/errors.ts';
import type { Layer } from './layer.ts';

/**
 * Ends an exchange that takes too long as a whole, tries and pauses included:
 * longer than its policy allows, or than its client waits.
 */
export const requestTimeout: Layer = {
  name: 'request-timeout',
  onRequest(exchange) {
    const limitMs = smaller(exchange.policy.requestTimeoutMs, exchange.request.timeoutMs);
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

/** Of two limits, of which 0 is none. */
function smaller(one: number, other: number): number {
  if (one === 0 || other === 0) return one + other;
  return Math.min(one, other);
}
