import { z } from 'zod';
import {
  acceptedColumns,
  type CustomResource,
  conditions,
  duration,
  withRules,
} from './custom-resource.ts';

const requirement = withRules(
  z.strictObject({
    key: z.string().min(1).max(317),
    operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
    values: z.array(z.string().max(63)).max(32).optional(),
  }),
  'A condition on one label.',
  [
    {
      cel: "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
      holds: ({ operator, values }) =>
        (operator === 'In' || operator === 'NotIn') === (values !== undefined && values.length > 0),
      message: 'In and NotIn need values; Exists and DoesNotExist take none',
    },
  ],
);

const selector = withRules(
  z.strictObject({
    matchLabels: z.record(z.string().max(317), z.string().max(63)).optional(),
    matchExpressions: z.array(requirement).max(16).optional(),
  }),
  "Which pods of the election's namespace may lead. They need a sidecar, and must be ready.",
  [
    {
      cel: '(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)',
      holds: ({ matchLabels, matchExpressions }) =>
        Object.keys(matchLabels ?? {}).length > 0 || (matchExpressions ?? []).length > 0,
      message: 'a selector needs matchLabels or matchExpressions',
    },
  ],
);

export const leaderElectionSpec = z
  .strictObject({
    selector,
    leaseDuration: duration(
      'For how long a leader that is no longer heard of keeps the others waiting.',
      '3s',
      '1h',
    ).default('15s'),
  })
  .describe('Who may lead, and how fast a lost leader is replaced.');

export const leaderElection: CustomResource<typeof leaderElectionSpec> = {
  kind: 'LeaderElection',
  plural: 'leaderelections',
  singular: 'leaderelection',
  shortNames: ['lelect'],
  version: 'v1alpha1',
  description: 'One leader among the pods of a selector, held in a Lease on their behalf.',
  spec: leaderElectionSpec,
  status: z.object({
    leader: z.string().max(253).optional().describe('The pod that leads; absent while none does.'),
    fencingToken: z.int().min(0).optional().meta({
      description: 'Rises by one with each new leader, and never falls.',
      format: 'int64',
    }),
    conditions,
  }),
  printerColumns: [
    { name: 'Leader', type: 'string', jsonPath: '.status.leader' },
    { name: 'Token', type: 'integer', jsonPath: '.status.fencingToken' },
    { name: 'Lease', type: 'string', jsonPath: '.spec.leaseDuration' },
    ...acceptedColumns,
  ],
};
