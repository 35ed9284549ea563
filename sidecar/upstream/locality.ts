import type { LoadBalancer } from '../config/types.ts';
import type { Member } from './member.ts';

/**
 * Those of the usable members to which requests go first: the ones of the caller's
 * zone, while enough of that zone's members are usable. Otherwise all: the few would
 * not bear what the whole zone sends them.
 */
export function preferred(
  usable: readonly Member[],
  members: readonly Member[],
  { locality }: LoadBalancer,
  zone: string,
): readonly Member[] {
  if (locality === undefined || zone === '') return usable;
  const isNear = ({ endpoint }: Member): boolean => endpoint.workload.zone === zone;
  const near = usable.filter(isNear);
  const all = members.filter(isNear).length;
  const enough = near.length > 0 && near.length * 100 >= all * locality.minHealthyPercent;
  return enough ? near : usable;
}
