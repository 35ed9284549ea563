import type { Scenario } from './scenario.ts';
import { MATCHES } from './table/matches.ts';

/** All of them, in the order in which they are played. */
export const SCENARIOS: readonly Scenario[] = [...MATCHES];
