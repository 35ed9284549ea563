import type { Hedging__Output } from '../../proto/gen/remora/v1/Hedging.ts';
import type { Place } from './place.ts';
import type { Hedging } from './types.ts';

export function decodeHedging(hedging: Hedging__Output, at: Place): Hedging {
  const { percentile, minDelayMs, budgetPercent, budgetMinPerSecond } = hedging;
  if (percentile < 1 || percentile > 99) at.in('percentile').fail(`${percentile} is not 1 to 99`);
  return {
    percentile,
    minDelayMs: at.in('minDelayMs').duration(minDelayMs),
    methods: new Set(hedging.methods.map((name, i) => at.in(`methods[${i}]`).token(name))),
    budgetPercent: at.in('budgetPercent').atMost(budgetPercent, 100),
    budgetMinPerSecond,
  };
}
