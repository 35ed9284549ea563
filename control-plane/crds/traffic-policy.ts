import { z } from 'zod';
import { circuitBreaker } from './circuit-breaker.ts';
import {
  acceptedColumns,
  type CustomResource,
  conditions,
  duration,
  durationMs,
  policyColumns,
  withRules,
} from './custom-resource.ts';
import { GRPC_FAILURES } from './grpc-failures.ts';
import { hedging } from './hedging.ts';
import { loadBalancer } from './load-balancer.ts';
import { targetRefs } from './target-refs.ts';

const timeouts = withRules(
  z.strictObject({
    request: duration(
      'From the request to the end of the response, all tries together. 0s means no limit.',
    ).optional(),
    perTry: duration('The same for one try. 0s means no limit.').optional(),
    connect: duration('For opening a connection.', '1ms').optional(),
    idle: duration(
      'A request, or a connection that is not HTTP, on which nothing has moved for this long is ended; so is a connection to an endpoint that was not used. 0s means no limit.',
    ).optional(),
  }),
  'Time limits. What is absent has the default of the mesh.',
  [
    {
      cel: "!has(self.perTry) || !has(self.request) || duration(self.request) == duration('0s') || duration(self.perTry) <= duration(self.request)",
      holds: ({ perTry, request }) =>
        perTry === undefined ||
        request === undefined ||
        durationMs(request) === 0 ||
        durationMs(perTry) <= durationMs(request),
      message: 'perTry must not exceed request',
    },
  ],
);

const backoff = withRules(
  z.strictObject({
    base: duration('Before the first retry; doubled with each further one.', '1ms').default('25ms'),
    max: duration('No pause is longer.', '1ms').default('250ms'),
  }),
  'Pauses between tries. Each is drawn at random up to its length.',
  [
    {
      cel: 'duration(self.base) <= duration(self.max)',
      holds: ({ base, max }) => durationMs(base) <= durationMs(max),
      message: 'base must not exceed max',
    },
  ],
);

const budget = z
  .strictObject({
    percent: z
      .int()
      .min(0)
      .max(100)
      .default(20)
      .describe('Of the requests, at most this share may be retries.'),
    minPerSecond: z
      .int()
      .min(0)
      .max(10_000)
      .default(10)
      .describe('So many retries a second are always allowed.'),
  })
  .describe('Keeps retries from multiplying the load of a service that is in trouble.');

const retries = z
  .strictObject({
    attempts: z
      .int()
      .min(0)
      .max(10)
      .default(2)
      .describe('Further tries after the first. 0 turns retries off.'),
    statusCodes: z.array(z.int().min(400).max(599)).max(32).default([502, 503, 504]).meta({
      description: 'Responses that are tried again.',
      'x-kubernetes-list-type': 'set',
    }),
    grpcStatuses: z.array(z.enum(GRPC_FAILURES)).min(1).max(16).optional().meta({
      description:
        'Outcomes of gRPC calls that are tried again, and no others, where nothing of a response came before. By default those that say the same as statusCodes.',
      'x-kubernetes-list-type': 'set',
    }),
    maxRetryAfter: duration(
      'A server that asks for a longer pause (Retry-After) is not asked again, and the client gets its response. 0s: what it asks is not heard.',
    ).optional(),
    connectFailure: z
      .boolean()
      .default(true)
      .describe('Whether a connection that could not be opened is tried again.'),
    backoff: backoff.default({ base: '25ms', max: '250ms' }),
    budget: budget.default({ percent: 20, minPerSecond: 10 }),
  })
  .describe('Which requests are tried again, and how often.');

const limits = z
  .strictObject({
    maxConnections: z
      .int()
      .min(1)
      .max(1_000_000)
      .optional()
      .describe('Open connections, idle ones included.'),
    maxPendingRequests: z
      .int()
      .min(0)
      .max(1_000_000)
      .optional()
      .describe('Requests that wait for a connection.'),
    maxRequests: z
      .int()
      .min(1)
      .max(1_000_000)
      .optional()
      .describe(
        'Requests under way, waiting ones included. A connection that is not HTTP counts as one.',
      ),
  })
  .describe(
    'What one calling pod may have under way to one port of a Service; what is beyond is refused with 503. What is absent has the default of the mesh.',
  );

export const trafficPolicySpec = withRules(
  z.strictObject({
    targetRefs,
    timeouts: timeouts.optional(),
    retries: retries.optional(),
    hedging: hedging.optional(),
    circuitBreaker: circuitBreaker.optional(),
    loadBalancer: loadBalancer.optional(),
    limits: limits.optional(),
  }),
  'What the policy demands.',
  [
    {
      cel: 'has(self.timeouts) || has(self.retries) || has(self.hedging) || has(self.circuitBreaker) || has(self.loadBalancer) || has(self.limits)',
      holds: (spec) =>
        spec.timeouts !== undefined ||
        spec.retries !== undefined ||
        spec.hedging !== undefined ||
        spec.circuitBreaker !== undefined ||
        spec.loadBalancer !== undefined ||
        spec.limits !== undefined,
      message:
        'a policy needs at least one of timeouts, retries, hedging, circuitBreaker, loadBalancer and limits',
    },
  ],
);

export const trafficPolicy: CustomResource<typeof trafficPolicySpec> = {
  kind: 'TrafficPolicy',
  plural: 'trafficpolicies',
  singular: 'trafficpolicy',
  shortNames: ['tpol'],
  version: 'v1alpha1',
  description:
    'Time limits, retries, hedging, circuit breaking, load balancing and limits for calls to a Service or by a route.',
  spec: trafficPolicySpec,
  status: z.object({ conditions }),
  printerColumns: [...policyColumns, ...acceptedColumns],
};
