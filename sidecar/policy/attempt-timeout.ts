import { MeshError } from '../../runtime/errors.ts';
import type { Layer } from './layer.ts';

/** Gives up an attempt whose response does not begin in time. */
export const attemptTimeout: Layer = {
  name: 'attempt-timeout',
  onAttempt(exchange) {
    const limitMs = exchange.policy.perTryTimeoutMs;
    if (limitMs === 0) return;
    exchange.attemptTimer = exchange.context.clock.setTimeout(() => {
      exchange.attemptTimedOut(attemptTimeoutError(limitMs));
    }, limitMs);
  },
  onAttemptEnd(exchange) {
    exchange.attemptTimer?.cancel();
    exchange.attemptTimer = undefined;
  },
};

export function attemptTimeoutError(limitMs: number): MeshError {
  return new MeshError('attempt-timeout', `no response began within the limit of ${limitMs} ms`);
}
