import { isAffine } from '../model/affinity.ts';
import {
  type AttachedPolicy,
  decidingPolicies,
  fieldsOf,
  type Place,
  type PolicyField,
  policyKey,
  type TargetKey,
} from '../model/attachment.ts';
import { FIELD_NAMES } from '../model/policies.ts';
import type { PolicyObject } from '../model/policy-kinds.ts';
import { compareAge } from '../model/precedence.ts';
import type { Route } from '../model/routes.ts';
import type { Verdict } from './conditions.ts';
import type { Reach } from './policy-reach.ts';
import { accepted, refuse } from './verdicts.ts';

/** What the verdicts on a policy depend on. */
export interface PolicyInputs {
  /** The policy as it attaches; of one that cannot be understood, the last good one. */
  readonly policy: AttachedPolicy | undefined;
  /** The places that a target covers, or why it covers none. */
  readonly reach: (target: TargetKey) => Reach;
  /** The policies of this kind on a target. */
  readonly policiesOn: (target: TargetKey) => readonly AttachedPolicy[];
  /** When its time was over, as it says itself. */
  readonly expiredAt?: string | undefined;
}

/** How many differences one message names. */
const MAX_NAMED = 8;

/** Whether a policy is accepted, and where what it says is in force. */
export function judgePolicy({ invalid }: PolicyObject, inputs: PolicyInputs): readonly Verdict[] {
  const { policy } = inputs;
  if (policy === undefined) {
    const message = 'nothing of it is in force';
    return [...(invalid ? [refuse(invalid)] : []), notEnforced('Invalid', message)];
  }
  if (inputs.expiredAt !== undefined) {
    const message = `its time was over at ${inputs.expiredAt}`;
    const first =
      invalid === undefined ? accepted('it was attached to its targets') : refuse(invalid);
    return [first, notEnforced('Expired', message)];
  }
  const reaches = policy.targets.map((target) => ({ target, ...inputs.reach(target) }));
  const missing = reaches.flatMap(({ problem }) => problem ?? []);
  const covered = reaches.filter(({ problem }) => problem === undefined);
  const force = forceOf(
    policy,
    covered.flatMap(({ places }) => places),
    inputs,
  );
  const enforced = judgeForce(
    covered.map(({ target }) => target),
    force,
  );
  if (invalid !== undefined) return [refuse(invalid), enforced];
  if (missing.length > 0) return [refused('TargetNotFound', missing.join('; ')), enforced];
  const conflicts = covered.map(({ target }) => conflictOn(target, policy, inputs));
  if (conflicts.every((conflict) => conflict !== undefined)) {
    return [refused('Conflicted', conflicts.join('; ')), enforced];
  }
  return [accepted('it is attached to its targets'), enforced];
}

/** Which older policies leave a policy nothing of a target. */
function conflictOn(
  target: TargetKey,
  policy: AttachedPolicy,
  { policiesOn }: PolicyInputs,
): string | undefined {
  const older = [...policiesOn(target)].sort(compareAge);
  const winners = fieldsOf(policy.settings).map(
    (field) => older.find((one) => one.settings[field] !== undefined) ?? policy,
  );
  if (winners.some((winner) => isSame(winner, policy))) return undefined;
  const names = [...new Set(winners.map(policyKey))].join(', ');
  return `${target} has it all from the older ${names}`;
}

/** What of a policy is in force, and what others decide in its stead. */
interface Force {
  inForce: number;
  /** `<field>, <field> ...` by place, then by who decides. */
  readonly overridden: Map<string, Map<string, Set<PolicyField>>>;
  /** Places that carry nothing to which it could apply, with the fields that this concerns. */
  readonly unreached: string[];
}

/** What means nothing to a connection that is not HTTP. */
const OF_HTTP: ReadonlySet<PolicyField> = new Set<PolicyField>([
  'requestTimeoutMs',
  'perTryTimeoutMs',
  'faults',
  'rateLimits',
]);

function forceOf(policy: AttachedPolicy, places: readonly Place[], inputs: PolicyInputs): Force {
  const force: Force = { inForce: 0, overridden: new Map(), unreached: [] };
  const fields = fieldsOf(policy.settings);
  for (const place of places) {
    const deciding = decidingPolicies(place, inputs.policiesOn);
    const own = fieldsOfAllRules(place.route as Route | undefined);
    const vain = place.withoutHttp === true ? fields.filter((field) => OF_HTTP.has(field)) : [];
    if (vain.length > 0) {
      force.unreached.push(`${namesOf(vain)} of ${placeName(place)}, which has no port of HTTP`);
    }
    for (const field of fields) {
      if (vain.includes(field)) continue;
      const winner = deciding.get(field) ?? policy;
      const isOwn = own.has(field);
      const affine = field === 'loadBalancer' && isAffine(place, place.service, deciding);
      if (!isOwn && !affine && isSame(winner, policy)) {
        force.inForce += 1;
        continue;
      }
      const who = isOwn
        ? "the rules' own"
        : affine
          ? "the Service's sessionAffinity"
          : policyKey(winner);
      const byWho = force.overridden.get(placeName(place)) ?? new Map<string, Set<PolicyField>>();
      force.overridden.set(placeName(place), byWho);
      byWho.set(who, (byWho.get(who) ?? new Set()).add(field));
    }
  }
  return force;
}

/** What every rule of a route says by itself. */
function fieldsOfAllRules(route: Route | undefined): ReadonlySet<PolicyField> {
  const [first, ...others] = route?.rules ?? [];
  const fields = first === undefined ? [] : fieldsOf(first.settings);
  return new Set(
    fields.filter((field) => others.every((rule) => rule.settings[field] !== undefined)),
  );
}

function namesOf(fields: Iterable<PolicyField>): string {
  return [...fields].map((field) => FIELD_NAMES[field]).join(', ');
}

function judgeForce(
  targets: readonly TargetKey[],
  { inForce, overridden, unreached }: Force,
): Verdict {
  const differences = [...overridden].flatMap(([place, byWho]) =>
    [...byWho].map(([who, fields]) => `${namesOf(fields)} of ${place} from ${who}`),
  );
  differences.push(...unreached);
  const rest = differences.length - MAX_NAMED;
  const named = differences.slice(0, MAX_NAMED).join('; ') + (rest > 0 ? `; and ${rest} more` : '');
  if (inForce === 0) {
    return overridden.size > 0
      ? notEnforced('Overridden', named)
      : notEnforced('NothingReached', named || 'its targets cover no Service');
  }
  const where = `in force for ${targets.map(targetName).join(', ')}`;
  return differences.length > 0
    ? enforced('PartiallyEnforced', `${where}, except: ${named}`)
    : enforced('Enforced', where);
}

function placeName({ service, route, external }: Place): string {
  if (external === true) return `ExternalService/${service.namespace}/${service.name}`;
  if (route === undefined) return `Service/${service.namespace}/${service.name}`;
  return `${route.kind}/${route.namespace}/${route.name}`;
}

/** A namespace is named once. */
function targetName(target: TargetKey): string {
  return target.startsWith('Namespace/') ? target.split('/', 2).join('/') : target;
}

function isSame(a: AttachedPolicy, b: AttachedPolicy): boolean {
  return a.kind === b.kind && a.namespace === b.namespace && a.name === b.name;
}

function enforced(reason: string, message: string): Verdict {
  return { type: 'Enforced', status: 'True', reason, message };
}

function notEnforced(reason: string, message: string): Verdict {
  return { type: 'Enforced', status: 'False', reason, message };
}

function refused(reason: string, message: string): Verdict {
  return { type: 'Accepted', status: 'False', reason, message };
}
