import type { Collection } from '../collections/collection.ts';
import { derive } from '../collections/derive.ts';
import { index } from '../collections/index-by.ts';
import type { TargetRef } from '../crds/target-refs.ts';
import { type CustomObject, trafficPolicyKind } from '../watch/custom-kinds.ts';
import type { ResourceSource, WatchedKind } from '../watch/source.ts';
import { type AttachedPolicy, type PolicySettings, targetKeys } from './attachment.ts';
import { trafficSettings } from './policies.ts';

/** A resource of any kind of policy. */
export type PolicyObject = CustomObject<{ readonly targetRefs: readonly TargetRef[] }>;

/** The policies of one kind, as the source brings them and as they attach. */
export interface PolicyCollections {
  readonly kind: string;
  readonly plural: string;
  readonly objects: Collection<PolicyObject>;
  /** By `<namespace>/<name>`. Of a policy that cannot be understood, the last good one. */
  readonly attached: Collection<AttachedPolicy>;
  readonly byTarget: Collection<readonly AttachedPolicy[]>;
}

/** Every kind of policy: how it is watched, and what its specification sets. */
const POLICY_KINDS = [policyKind(trafficPolicyKind, trafficSettings)];

export function derivePolicies(source: ResourceSource): readonly PolicyCollections[] {
  return POLICY_KINDS.map((kindOf) => kindOf(source));
}

function policyKind<Spec extends { readonly targetRefs: readonly TargetRef[] }>(
  watched: WatchedKind<CustomObject<Spec>>,
  settingsOf: (spec: Spec) => PolicySettings,
): (source: ResourceSource) => PolicyCollections {
  const { kind, plural } = watched;
  return (source) => {
    const objects = source.collection(watched);
    const attached = derive(plural, objects, toPolicy, { keepLast: true });
    const byTarget = index(`${plural}-by-target`, attached, (policy) => policy.targets);
    return { kind, plural, objects, attached, byTarget };
  };

  function toPolicy({ spec, metadata }: CustomObject<Spec>): AttachedPolicy | undefined {
    if (spec === undefined) return undefined;
    const { namespace, name, creationTimestamp } = metadata;
    const targets = targetKeys(spec.targetRefs, namespace);
    const settings = settingsOf(spec);
    return { kind, namespace, name, creationTimestamp, targets, settings };
  }
}
