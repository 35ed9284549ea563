import { z } from 'zod';
import { GROUP } from '../../proto/well-known.ts';
import { withRules } from './custom-resource.ts';

const ROUTE_GROUP = 'gateway.networking.k8s.io';

const targetRef = withRules(
  z.strictObject({
    group: z
      .string()
      .max(253)
      .default('')
      .describe(
        'Empty for a Service or a Namespace, gateway.networking.k8s.io for a route, remora.dev for an ExternalService.',
      ),
    kind: z
      .string()
      .min(1)
      .max(63)
      .describe('Service, HTTPRoute, GRPCRoute, Namespace or ExternalService.'),
    name: z
      .string()
      .min(1)
      .max(253)
      .describe("A name in the policy's own namespace; for a Namespace, that namespace itself."),
  }),
  'What the policy applies to.',
  [
    {
      cel: "(self.group == '' && self.kind in ['Service', 'Namespace']) || (self.group == 'gateway.networking.k8s.io' && self.kind in ['HTTPRoute', 'GRPCRoute']) || (self.group == 'remora.dev' && self.kind == 'ExternalService')",
      holds: ({ group, kind }) =>
        (group === '' && (kind === 'Service' || kind === 'Namespace')) ||
        (group === ROUTE_GROUP && (kind === 'HTTPRoute' || kind === 'GRPCRoute')) ||
        (group === GROUP && kind === 'ExternalService'),
      message:
        'a target is a Service or a Namespace (group ""), or an HTTPRoute or GRPCRoute (group "gateway.networking.k8s.io"), or an ExternalService (group "remora.dev")',
    },
  ],
);

/** `spec.targetRefs` of every kind of policy (GEP-713). What it means is in `model/attachment.ts`. */
export const targetRefs = withRules(
  z.array(targetRef).min(1).max(16),
  "The Services and routes of the policy's own namespace to which it applies; with the Namespace as target, it is the default of all its Services.",
  [
    {
      cel: 'self.all(a, self.exists_one(b, a.group == b.group && a.kind == b.kind && a.name == b.name))',
      holds: (refs) =>
        new Set(refs.map((ref) => `${ref.group}/${ref.kind}/${ref.name}`)).size === refs.length,
      message: 'a target may be named only once',
    },
    {
      cel: "self.filter(ref, ref.kind == 'Namespace').size() <= 1",
      holds: (refs) => refs.filter((ref) => ref.kind === 'Namespace').length <= 1,
      message: 'a policy reaches one Namespace, its own',
    },
  ],
);

/** A target as a policy names it. */
export type TargetRef = z.output<typeof targetRef>;
