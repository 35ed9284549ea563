import { MeshError } from '../../runtime/errors.ts';
import type { Exchange } from '../exchange.ts';
import { HELD, type Layer } from './layer.ts';
import { POLICY_FIELD, STATE_FIELD } from './rate-limit/fields.ts';
import type { Limiter } from './rate-limit/limiter.ts';
import type { StoredState, StoreFailure } from './rate-limit/redis-store.ts';

/**
 * Refuses what is beyond a rate, and tells everybody else what is left. All limits that
 * are counted here are asked before any gives a token, and all of them before a store.
 */
export function limitRate(limiters: readonly Limiter[]): Layer {
  const policyField = limiters.map((limiter) => limiter.policyField).join(', ');
  const stored = limiters.filter(({ store }) => store !== undefined);
  return {
    name: 'rate-limit',
    onRequest(exchange) {
      const nowMs = exchange.context.clock.monotonicMs();
      for (const limiter of limiters) {
        const refusal = limiter.look(exchange, nowMs);
        if (refusal === undefined) continue;
        count(exchange, limiter);
        return refusal;
      }
      for (const limiter of limiters) note(exchange, limiter.take(nowMs));
      return stored.length === 0 ? undefined : askStores(exchange, stored, 0);
    },
    onResponse(exchange, response) {
      response.addField(POLICY_FIELD, policyField);
      if (exchange.rateLimit !== '') response.addField(STATE_FIELD, exchange.rateLimit, true);
    },
  };
}

/** One store after the other, from the given one on; at once while they do not answer. */
function askStores(
  exchange: Exchange,
  limiters: readonly Limiter[],
  from: number,
): MeshError | typeof HELD | undefined {
  for (let i = from; i < limiters.length; i++) {
    const limiter = limiters[i];
    const store = limiter?.store;
    if (limiter === undefined || store === undefined) continue;
    if (store.isDown) {
      const error = withoutAnswer(exchange, limiter, 'unreachable');
      if (error !== undefined) return error;
      continue;
    }
    store.take(limiter.stored(exchange), limiter.storeTimeoutMs, (answer) => {
      if (exchange.outcome !== undefined) return;
      const error = judge(exchange, limiter, answer) ?? askStores(exchange, limiters, i + 1);
      if (error === undefined) exchange.proceed();
      else if (error !== HELD) exchange.fail(error);
    });
    return HELD;
  }
  return undefined;
}

function judge(
  exchange: Exchange,
  limiter: Limiter,
  answer: readonly StoredState[] | StoreFailure,
): MeshError | undefined {
  if (typeof answer === 'string') return withoutAnswer(exchange, limiter, answer);
  const judged = limiter.judge(answer);
  if (typeof judged === 'string') {
    note(exchange, judged);
    return undefined;
  }
  count(exchange, limiter);
  return judged;
}

function withoutAnswer(
  exchange: Exchange,
  limiter: Limiter,
  failure: StoreFailure,
): MeshError | undefined {
  exchange.context.observer.rateLimitStoreFailed(serviceOf(exchange, limiter), failure);
  if (limiter.failsOpen) return undefined;
  return new MeshError(
    'rate-limit-unavailable',
    'the store of the rate limits does not answer, and without it nothing is let through',
  );
}

function note(exchange: Exchange, state: string): void {
  if (state === '') return;
  exchange.rateLimit = exchange.rateLimit === '' ? state : `${exchange.rateLimit}, ${state}`;
}

function count(exchange: Exchange, limiter: Limiter): void {
  exchange.context.observer.limitReached(serviceOf(exchange, limiter), 'rate-limited');
}

/** Where no service was called it is the one that the policy protects. */
function serviceOf(exchange: Exchange, limiter: Limiter): string {
  return exchange.service || limiter.targetName;
}
