import type { Exchange } from '../exchange.ts';
import type { EffectiveHedging } from './effective.ts';
import type { Layer } from './layer.ts';

/**
 * Sends a request to a second endpoint as well when it has no response after the time
 * within which most others have one. The answer that comes first is taken (`hedge.ts`).
 *
 * Measured is how long first tries take. Of one that is given up, because the second
 * was faster or a limit was reached, only so much is known as that it took longer:
 * it counts with the time that it had. Were such left out, the percentile would go down
 * with every second try, and make for more of them.
 *
 * After "backup requests" of Jeffrey Dean and Luiz André Barroso, "The Tail at Scale",
 * CACM 56 (2013).
 */
export const hedging: Layer = {
  name: 'hedging',
  onRequest(exchange) {
    if (mayBeHedged(exchange)) exchange.policy.hedging?.budget.countRequest();
    return undefined;
  },
  onAttempt(exchange) {
    const own = exchange.policy.hedging;
    if (own === undefined || !mayBeHedged(exchange)) return;
    const { clock } = exchange.context;
    const nowMs = clock.monotonicMs();
    exchange.measuredSinceMs = nowMs;
    const delayMs = exchange.hedged ? undefined : own.delay.at(nowMs);
    if (delayMs === undefined) return;
    exchange.hedgeTimer = clock.setTimeout(() => hedge(exchange, own), delayMs);
  },
  onAttemptEnd(exchange) {
    exchange.hedgeTimer?.cancel();
    exchange.hedgeTimer = undefined;
    const sinceMs = exchange.measuredSinceMs;
    if (sinceMs === 0) return;
    exchange.measuredSinceMs = 0;
    exchange.policy.hedging?.times.add(exchange.context.clock.monotonicMs() - sinceMs);
  },
};

/** A client that is with an endpoint would be moved to another one by its answer. */
function mayBeHedged({ policy, request, session }: Exchange): boolean {
  return (
    policy.hedging?.methods.has(request.method) === true &&
    !request.switchesProtocol &&
    session === undefined
  );
}

function hedge(exchange: Exchange, own: EffectiveHedging): void {
  exchange.hedgeTimer = undefined;
  if (!exchange.canHedge) return;
  exchange.hedged = true;
  if (own.budget.tryTake(own.budgetPercent, own.budgetMinPerSecond)) exchange.hedge();
  else exchange.context.observer.hedged(exchange.service, 'over-budget');
}
