import { MeshError } from '../../runtime/errors.ts';
import type { Layer } from './layer.ts';

/** Ends an exchange that takes too long as a whole, tries and pauses included. */
export const requestTimeout: Layer = {
  name: 'request-timeout',
  onRequest(exchange) {
    const limitMs = exchange.policy.requestTimeoutMs;
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
