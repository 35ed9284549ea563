import { parseDurationMs } from '../crds/duration.ts';
import type { RateLimitPolicyObject } from '../watch/custom-kinds.ts';
import {
  type AttachedPolicy,
  decidingPolicies,
  type PolicySettings,
  type TargetKey,
} from './attachment.ts';
import type { Policy, RateLimit, RateLimits } from './types.ts';

type Spec = NonNullable<RateLimitPolicyObject['spec']>;
type PoliciesOn = (target: TargetKey) => readonly AttachedPolicy[];

/** What a RateLimitPolicy sets. Its target is known where it is in force. */
export function rateLimitSettings({ limits, store }: Spec, source: string): PolicySettings {
  return {
    rateLimits: {
      source,
      target: '',
      limits: limits.map(toLimit),
      ...(store && {
        store: {
          redis: store.redis,
          timeoutMs: parseDurationMs(store.timeout) ?? 0,
          failOpen: store.onFailure === 'Allow',
        },
      }),
    },
  };
}

function toLimit(limit: Spec['limits'][number]): RateLimit {
  const { name, requests, window, burst = requests, key, maxKeys, scope } = limit;
  return {
    name,
    requests,
    windowMs: parseDurationMs(window) ?? 0,
    burst,
    key: toKey(key),
    maxKeys,
    global: scope === 'Global',
  };
}

function toKey(key: Spec['limits'][number]['key']): RateLimit['key'] {
  if (key === undefined) return { kind: 'everybody' };
  if (key.header === undefined) return { kind: 'caller' };
  return { kind: 'header', name: key.header.toLowerCase() };
}

/**
 * Of the policies on a target, those that concern who calls: limits of a Service are
 * counted by its own pods.
 */
export function atCaller(policiesOn: PoliciesOn): PoliciesOn {
  return (target) => {
    const policies = policiesOn(target);
    if (!isReceiver(target)) return policies;
    return policies.filter(({ settings }) => settings.rateLimits === undefined);
  };
}

/** Requests that a route takes, or that go to an ExternalService, share its buckets. */
export function sharedIn(
  policy: Policy,
  { kind, namespace, name }: { kind: string; namespace: string; name: string },
): Policy {
  if (policy.rateLimits === undefined) return policy;
  const target = `${kind}/${namespace}/${name}`;
  return { ...policy, rateLimits: { ...policy.rateLimits, target } };
}

/** The limits that the pods of a Service count. */
export function limitsOfService(
  service: { readonly namespace: string; readonly name: string },
  policiesOn: PoliciesOn,
): RateLimits | undefined {
  const deciding = decidingPolicies({ service }, policiesOn);
  const limits = deciding.get('rateLimits')?.settings.rateLimits;
  return limits && { ...limits, target: `Service/${service.namespace}/${service.name}` };
}

/** What it says is counted where requests arrive, of which no route is known. */
export function isReceiver(target: TargetKey): boolean {
  return target.startsWith('Service/') || target.startsWith('Namespace/');
}
