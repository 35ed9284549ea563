import { z } from 'zod';
import { TOKEN } from '../../proto/token.ts';
import { expressionProblem } from '../../runtime/regular-expression.ts';
import {
  acceptedColumns,
  type CustomResource,
  conditions,
  duration,
  withRules,
} from './custom-resource.ts';
import { GRPC_FAILURES } from './grpc-failures.ts';
import { targetRefs } from './target-refs.ts';

/** RFC 3339. */
const TIME_PATTERN =
  /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$/;

/** What an API server cannot tell shows up in the status. */
function checkExpression(context: z.core.ParsePayload<{ type: string; value: string }>): void {
  const { type, value } = context.value;
  const problem = type === 'RegularExpression' ? expressionProblem(value) : undefined;
  if (problem === undefined) return;
  context.issues.push({ code: 'custom', message: problem, input: value, path: ['value'] });
}

const path = withRules(
  z
    .strictObject({
      type: z.enum(['Exact', 'PathPrefix', 'RegularExpression']).default('PathPrefix'),
      value: z.string().min(1).max(1024).default('/'),
    })
    .check(checkExpression),
  'The path, without the query. A prefix goes by segment.',
  [
    {
      cel: "self.type == 'RegularExpression' || self.value.startsWith('/')",
      holds: ({ type, value }) => type === 'RegularExpression' || value.startsWith('/'),
      message: 'a path begins with "/"',
    },
  ],
);

const header = z
  .strictObject({
    type: z.enum(['Exact', 'RegularExpression']).default('Exact'),
    name: z.string().min(1).max(256).regex(TOKEN, 'is not the name of a header'),
    value: z.string().max(4096),
  })
  .check(checkExpression);

const match = z
  .strictObject({
    path: path.optional(),
    method: z
      .string()
      .min(1)
      .max(16)
      .regex(/^[A-Z]+$/)
      .optional(),
    headers: z.array(header).max(16).optional().describe('All of them.'),
  })
  .describe('A request that is meant: all of what is given here must hold.');

const percent = z
  .number()
  .min(0)
  .max(100)
  .default(100)
  .describe('Of the requests, this share meets the fault. In steps of 0.0001.');

const delay = z
  .strictObject({
    duration: duration('How long a request waits before it goes on.', '1ms', '1h'),
    percent,
  })
  .describe('Lets requests wait. It counts within their timeout.');

const abort = withRules(
  z.strictObject({
    httpStatus: z
      .int()
      .min(400)
      .max(599)
      .optional()
      .describe('Calls of gRPC end with the status that says the same.'),
    grpcStatus: z
      .enum(GRPC_FAILURES)
      .optional()
      .describe('Requests that are no calls of gRPC get the status of HTTP that says the same.'),
    percent,
  }),
  'Refuses requests; nothing of them comes to an application.',
  [
    {
      cel: 'has(self.httpStatus) != has(self.grpcStatus)',
      holds: ({ httpStatus, grpcStatus }) =>
        (httpStatus === undefined) !== (grpcStatus === undefined),
      message: 'exactly one of httpStatus and grpcStatus must be given',
    },
  ],
);

const bandwidth = z
  .strictObject({
    bytesPerSecond: z
      .int()
      .min(1024)
      .max(1_000_000_000)
      .describe('For each request, and for each direction of it.'),
    percent,
  })
  .describe('Sends the bodies of requests and responses slowly.');

export const faultPolicySpec = withRules(
  z.strictObject({
    targetRefs,
    matches: z
      .array(match)
      .max(16)
      .optional()
      .describe('Any of these; without them, every request.'),
    delay: delay.optional(),
    abort: abort.optional(),
    bandwidth: bandwidth.optional(),
    expiresAt: z
      .string()
      .max(40)
      .regex(TIME_PATTERN, { error: 'is not a time such as 2026-01-31T12:00:00Z', abort: true })
      .refine((text) => !Number.isNaN(Date.parse(text)), 'is no time')
      .optional()
      .meta({
        description:
          'From then on (RFC 3339) the policy does nothing any more, in every sidecar by itself, whether or not the control plane is there.',
        'x-kubernetes-validations': [
          { rule: "timestamp(self) > timestamp('1970-01-01T00:00:00Z')", message: 'is no time' },
        ],
      }),
  }),
  'What is done to requests on purpose, at the sidecars that send them.',
  [
    {
      cel: 'has(self.delay) || has(self.abort) || has(self.bandwidth)',
      holds: (spec) =>
        spec.delay !== undefined || spec.abort !== undefined || spec.bandwidth !== undefined,
      message: 'a policy needs at least one of delay, abort and bandwidth',
    },
  ],
);

export const faultPolicy: CustomResource<typeof faultPolicySpec> = {
  kind: 'FaultPolicy',
  plural: 'faultpolicies',
  singular: 'faultpolicy',
  shortNames: ['fpol'],
  version: 'v1alpha1',
  description:
    'Faults on purpose: delays, aborts and slow bodies for a share of the calls to a Service or by a route.',
  spec: faultPolicySpec,
  status: z.object({ conditions }),
  printerColumns: [
    { name: 'Kind', type: 'string', jsonPath: '.spec.targetRefs[0].kind' },
    { name: 'Target', type: 'string', jsonPath: '.spec.targetRefs[0].name' },
    { name: 'Expires', type: 'string', jsonPath: '.spec.expiresAt' },
    ...acceptedColumns,
  ],
};
