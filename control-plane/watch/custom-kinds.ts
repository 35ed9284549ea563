import type { z } from 'zod';
import { GROUP } from '../../proto/well-known.ts';
import type { CustomResource } from '../crds/custom-resource.ts';
import { externalService } from '../crds/external-service.ts';
import { faultPolicy } from '../crds/fault-policy.ts';
import { leaderElection } from '../crds/leader-election.ts';
import { rateLimitPolicy } from '../crds/rate-limit-policy.ts';
import { trafficPolicy } from '../crds/traffic-policy.ts';
import { objectMeta, type Raw, record } from './raw.ts';
import type { KubernetesObject, WatchedKind } from './source.ts';
import { checkSpec } from './spec.ts';

/** A resource of a kind of ours. `spec` is undefined exactly when `invalid` is set. */
export interface CustomObject<Spec> extends KubernetesObject {
  readonly spec: Spec | undefined;
  readonly status: Raw;
}

export type TrafficPolicyObject = CustomObject<z.output<typeof trafficPolicy.spec>>;
export type FaultPolicyObject = CustomObject<z.output<typeof faultPolicy.spec>>;
export type RateLimitPolicyObject = CustomObject<z.output<typeof rateLimitPolicy.spec>>;
export type LeaderElectionObject = CustomObject<z.output<typeof leaderElection.spec>>;

export type ExternalServiceObject = CustomObject<z.output<typeof externalService.spec>>;

export const trafficPolicyKind = customKind(trafficPolicy);
export const faultPolicyKind = customKind(faultPolicy);
export const rateLimitPolicyKind = customKind(rateLimitPolicy);
export const leaderElectionKind = customKind(leaderElection);
export const externalServiceKind = customKind(externalService);

/** How a kind of ours is watched. Optional, so that the order of installation does not matter. */
function customKind<S extends z.ZodType>(
  resource: CustomResource<S>,
): WatchedKind<CustomObject<z.output<S>>> {
  const apiVersion = `${GROUP}/${resource.version}`;
  return {
    apiVersion,
    kind: resource.kind,
    plural: resource.plural,
    optional: true,
    parse: (raw) => {
      const object = record(raw, []);
      const base = {
        apiVersion,
        kind: resource.kind,
        metadata: objectMeta(object, { versions: true, labels: () => false }),
        status: record(object.status, ['status']),
      };
      const checked = checkSpec(resource.spec, object.spec, 'Invalid');
      return 'invalid' in checked
        ? { ...base, spec: undefined, invalid: checked.invalid }
        : { ...base, spec: checked.spec };
    },
  };
}
