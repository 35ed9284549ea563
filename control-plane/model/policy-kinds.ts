import type { Collection } from '../collections/collection.ts';
import { derive } from '../collections/derive.ts';
import { index } from '../collections/index-by.ts';
import { nodeOf } from '../collections/node.ts';
import { SourceCollection } from '../collections/source-collection.ts';
import type { TargetRef } from '../crds/target-refs.ts';
import {
  type CustomObject,
  faultPolicyKind,
  rateLimitPolicyKind,
  trafficPolicyKind,
} from '../watch/custom-kinds.ts';
import type { ResourceSource, WatchedKind } from '../watch/source.ts';
import { type AttachedPolicy, type PolicySettings, targetKeys } from './attachment.ts';
import { faultSettings } from './faults.ts';
import { trafficSettings } from './policies.ts';
import { rateLimitSettings } from './rate-limits.ts';

/** A resource of any kind of policy. */
export type PolicyObject = CustomObject<PolicySpec>;

/** What all kinds have, or may have. */
interface PolicySpec {
  readonly targetRefs: readonly TargetRef[];
  /** RFC 3339: from then on it sets nothing any more. */
  readonly expiresAt?: string | undefined;
}

/** The policies of one kind, as the source brings them and as they attach. */
export interface PolicyCollections {
  readonly kind: string;
  readonly plural: string;
  readonly objects: Collection<PolicyObject>;
  /** By `<namespace>/<name>`. Of a policy that cannot be understood, the last good one. */
  readonly attached: Collection<AttachedPolicy>;
  readonly byTarget: Collection<readonly AttachedPolicy[]>;
  /** Of those whose time is over: when that was. Filled by `expiry.ts`. */
  readonly expired: SourceCollection<string>;
}

/** Every kind of policy: how it is watched, and what its specification sets. */
const POLICY_KINDS = [
  policyKind(trafficPolicyKind, trafficSettings),
  policyKind(faultPolicyKind, faultSettings),
  policyKind(rateLimitPolicyKind, rateLimitSettings),
];

export function derivePolicies(source: ResourceSource): readonly PolicyCollections[] {
  return POLICY_KINDS.map((kindOf) => kindOf(source));
}

function policyKind<Spec extends PolicySpec>(
  watched: WatchedKind<CustomObject<Spec>>,
  settingsOf: (spec: Spec, source: string) => PolicySettings,
): (source: ResourceSource) => PolicyCollections {
  const { kind, plural } = watched;
  return (source) => {
    const objects = source.collection(watched);
    const expired = new SourceCollection<string>(`${plural}-expired`, nodeOf(objects).turn);
    expired.markSynced();
    const attached = derive(
      plural,
      objects,
      (object, key, fetch) => toPolicy(object, fetch(expired, key)),
      { keepLast: true, uses: [expired] },
    );
    const byTarget = index(`${plural}-by-target`, attached, (policy) => policy.targets);
    return { kind, plural, objects, attached, byTarget, expired };
  };

  function toPolicy(
    { spec, metadata }: CustomObject<Spec>,
    expiredAt: string | undefined,
  ): AttachedPolicy | undefined {
    if (spec === undefined) return undefined;
    const { namespace, name, creationTimestamp } = metadata;
    const targets = targetKeys(spec.targetRefs, namespace);
    const isOver = expiredAt !== undefined && expiredAt === spec.expiresAt;
    const settings = isOver ? {} : settingsOf(spec, `${namespace}/${name}`);
    return { kind, namespace, name, creationTimestamp, targets, settings };
  }
}
