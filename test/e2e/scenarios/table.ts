import type { Scenario } from './scenario.ts';
import { BALANCING } from './table/balancing.ts';
import { CHANGES } from './table/changes.ts';
import { CONNECTIONS } from './table/connections.ts';
import { EGRESS } from './table/egress.ts';
import { EXPLANATIONS } from './table/explanations.ts';
import { FAULTS } from './table/faults.ts';
import { FILTERS } from './table/filters.ts';
import { HEDGING } from './table/hedging.ts';
import { MATCHES } from './table/matches.ts';
import { POLICIES } from './table/policies.ts';
import { RATE_LIMITS } from './table/rate-limits.ts';
import { RESILIENCE } from './table/resilience.ts';
import { ROUTE_STATUSES } from './table/route-statuses.ts';
import { ROUTES } from './table/routes.ts';
import { SESSIONS } from './table/sessions.ts';
import { STATUSES } from './table/statuses.ts';

/** All of them, in the order in which they are played. */
export const SCENARIOS: readonly Scenario[] = [
  ...MATCHES,
  ...ROUTES,
  ...FILTERS,
  ...RESILIENCE,
  ...HEDGING,
  ...POLICIES,
  ...FAULTS,
  ...RATE_LIMITS,
  ...BALANCING,
  ...SESSIONS,
  ...CONNECTIONS,
  ...EGRESS,
  ...STATUSES,
  ...ROUTE_STATUSES,
  ...EXPLANATIONS,
  ...CHANGES,
];
