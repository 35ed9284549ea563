import { isDeepStrictEqual } from 'node:util';
import { CONTROLLER_NAME } from '../../proto/well-known.ts';
import {
  type ConditionChange,
  changeConditions,
  readConditions,
  type Verdict,
} from './conditions.ts';
import type { RouteVerdicts } from './verdicts.ts';

type Status = Readonly<Record<string, unknown>>;

/** The change of conditions that is due, whatever kind of status they stand in. */
export interface StatusChange extends Omit<ConditionChange, 'verdicts'> {
  /** Said in every list of conditions, beside what is judged of each. */
  readonly common: readonly Verdict[];
}

/** The part of a status of our own kinds that has to be written; undefined when nothing has. */
export function composeStatus(
  present: Status,
  judged: readonly Verdict[],
  change: StatusChange,
): Status | undefined {
  const verdicts = [...judged, ...change.common];
  const conditions = changeConditions(readConditions(present.conditions), { ...change, verdicts });
  return conditions && { conditions };
}

/** Who leads, as it stands in the status of an election. */
export interface Leadership {
  /** Empty while nobody leads. */
  readonly leader: string;
  readonly fencingToken: number;
}

/** The part of an election's status that tells of its leader; undefined when it is told already, or is old news. */
export function composeLeadership(
  present: Status,
  leadership: Leadership | undefined,
): Status | undefined {
  if (leadership === undefined) return undefined;
  const { leader, fencingToken } = leadership;
  const known = typeof present.fencingToken === 'number' ? present.fencingToken : 0;
  // Another replica may know of a later leader.
  if (fencingToken < known) return undefined;
  if (fencingToken === known && (present.leader ?? '') === leader) return undefined;
  // In a merge patch, null removes.
  return { leader: leader === '' ? null : leader, fencingToken };
}

/**
 * The status of a route: our entry for each Service parent, after the entries
 * of other controllers as they are. The list is one value to the API server, so
 * it is written as a whole, guarded by the resourceVersion.
 *
 * @param writes whether what is judged is written too, or the common verdicts alone
 */
export function composeRouteStatus(
  present: Status,
  judged: RouteVerdicts,
  change: StatusChange,
  writes: boolean,
): Status | undefined {
  const parents = Array.isArray(present.parents) ? (present.parents as Status[]) : [];
  const others = parents.filter((entry) => entry.controllerName !== CONTROLLER_NAME);
  const ours = parents.filter((entry) => entry.controllerName === CONTROLLER_NAME);
  let changed = writes && ours.length !== judged.parents.length;
  const entries = judged.parents.flatMap(({ parentRef, verdicts }) => {
    const entry = ours.find((candidate) => isDeepStrictEqual(candidate.parentRef, parentRef));
    const before = readConditions(entry?.conditions);
    const partly = verdicts.some(({ type }) => type === 'PartiallyInvalid');
    const conditions = changeConditions(before, {
      ...change,
      remove: partly || !writes ? change.remove : [...change.remove, 'PartiallyInvalid'],
      verdicts: [...(writes ? verdicts : []), ...change.common],
    });
    if (conditions !== undefined) changed = true;
    const after = conditions ?? before;
    // An entry without a condition is not allowed.
    if (after.length === 0) return [];
    return [{ parentRef, controllerName: CONTROLLER_NAME, conditions: after }];
  });
  return changed ? { parents: [...others, ...entries] } : undefined;
}
