import type { Layer } from './layer.ts';

/**
 * Goes to another endpoint, at once, when the one that was picked cannot be
 * reached. Nothing of the request came to an application, so whatever its method
 * is it may be sent, and it multiplies no load.
 */
export const otherEndpoint: Layer = {
  name: 'other-endpoint',
  onAttemptFailed(exchange, failure) {
    if (failure.kind !== 'connect') return undefined;
    if (exchange.connectRetries >= exchange.policy.connectRetries) return undefined;
    if (!exchange.hasUntriedEndpoint) return undefined;
    exchange.connectRetries += 1;
    return 0;
  },
};
