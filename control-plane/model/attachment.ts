import type { TargetRef } from '../crds/target-refs.ts';
import { type Aged, compareAge } from './precedence.ts';
import type { Policy } from './types.ts';

/*
 * How policies attach to what they are about, the same for every kind of them.
 *
 * A policy is a set of settings, the fields of `Policy`, and a list of targets.
 * At a place, a rule of a route or a Service's port, each field is taken from
 * one policy: that of the most specific target which sets it (the route, the
 * Service, the Service's namespace), and of several on one target the oldest,
 * then the first by name. What a rule of a route says by itself comes before
 * all of them.
 */

/**
 * `Service/<namespace>/<name>`, `HTTPRoute/...`, `GRPCRoute/...`, or, for all
 * Services of a namespace, `Namespace/<namespace>/<namespace>`.
 */
export type TargetKey = string;

/** What a policy sets. An absent field is left to others. */
export type PolicySettings = Omit<Policy, 'sources'>;
export type PolicyField = keyof PolicySettings;

/** A policy of any kind in the model's terms. */
export interface AttachedPolicy extends Aged {
  readonly kind: string;
  readonly targets: readonly TargetKey[];
  readonly settings: PolicySettings;
}

/** Where settings are in force: a Service (`<namespace>/<name>`), by a route or without. */
export interface Place {
  readonly service: {
    readonly namespace: string;
    readonly name: string;
    readonly sessionAffinity?: 'ClientIP';
  };
  /** It is an ExternalService of that name. */
  readonly external?: boolean;
  /** None of its ports is one of HTTP. */
  readonly withoutHttp?: boolean;
  readonly route?: {
    readonly kind: string;
    readonly namespace: string;
    readonly name: string;
  };
}

/**
 * The keys of a policy's targets. Another namespace as target has a key under
 * which nobody looks: a policy reaches its own namespace alone.
 */
export function targetKeys(refs: readonly TargetRef[], namespace: string): TargetKey[] {
  return refs.map(({ kind, name }) => `${kind}/${namespace}/${name}`);
}

/** `TrafficPolicy/<namespace>/<name>` */
export function policyKey({ kind, namespace, name }: AttachedPolicy): string {
  return `${kind}/${namespace}/${name}`;
}

/** The targets whose policies hold at a place, the most specific first. */
export function targetsAt({ service, route, external }: Place): TargetKey[] {
  const { namespace, name } = service;
  if (external === true) return [`ExternalService/${namespace}/${name}`];
  const targets = [`Service/${namespace}/${name}`, `Namespace/${namespace}/${namespace}`];
  if (route !== undefined) targets.unshift(`${route.kind}/${route.namespace}/${route.name}`);
  return targets;
}

/** Which policy decides each field at a place, in the order of precedence. */
export function decidingPolicies(
  place: Place,
  policiesOn: (target: TargetKey) => readonly AttachedPolicy[],
): Map<PolicyField, AttachedPolicy> {
  return decidingOn(targetsAt(place), policiesOn);
}

/** The same by targets, the most specific first. */
export function decidingOn(
  targets: readonly TargetKey[],
  policiesOn: (target: TargetKey) => readonly AttachedPolicy[],
): Map<PolicyField, AttachedPolicy> {
  const deciding = new Map<PolicyField, AttachedPolicy>();
  for (const target of targets) {
    for (const policy of [...policiesOn(target)].sort(compareAge)) {
      for (const field of fieldsOf(policy.settings)) {
        if (!deciding.has(field)) deciding.set(field, policy);
      }
    }
  }
  return deciding;
}

/** What is in force where these policies decide, under what a rule says by itself. */
export function settle(
  own: PolicySettings,
  deciding: ReadonlyMap<PolicyField, AttachedPolicy>,
): Policy {
  const sources = new Set<string>();
  const settings: Record<string, unknown> = { ...own };
  for (const [field, policy] of deciding) {
    if (own[field] !== undefined) continue;
    settings[field] = policy.settings[field];
    sources.add(policyKey(policy));
  }
  return { sources: [...sources], ...settings };
}

export function fieldsOf(settings: PolicySettings): PolicyField[] {
  return Object.keys(settings) as PolicyField[];
}
