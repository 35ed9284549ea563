import { z } from 'zod';
import { TOKEN } from '../../proto/token.ts';
import {
  acceptedColumns,
  type CustomResource,
  conditions,
  duration,
  withRules,
} from './custom-resource.ts';
import { targetRefs } from './target-refs.ts';

const NAME_PATTERN = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;
const ADDRESS_PATTERN =
  /^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9a-fA-F:.]+\]):[0-9]{1,5}$/;

const key = withRules(
  z.strictObject({
    source: z
      .enum(['Identity'])
      .optional()
      .describe(
        'Identity: who called, as mutual TLS proved it. All callers without a sidecar are one.',
      ),
    header: z
      .string()
      .min(1)
      .max(256)
      .regex(TOKEN, 'is no name of a header')
      .optional()
      .describe('The name of a header whose value decides. All requests without it are one.'),
  }),
  'What of a request decides its bucket. Without it all requests share one, of which no caller can take the share of the others.',
  [
    {
      cel: 'has(self.source) != has(self.header)',
      holds: ({ source, header }) => (source === undefined) !== (header === undefined),
      message: 'exactly one of source and header must be given',
    },
  ],
);

const limit = z
  .strictObject({
    name: z
      .string()
      .min(1)
      .max(32)
      .regex(NAME_PATTERN, 'must be of lower-case letters, digits and dashes')
      .describe('Clients see it in the headers RateLimit and RateLimit-Policy.'),
    requests: z.int().min(1).max(1_000_000).describe('So many in each window.'),
    window: duration('In which a bucket gains that many tokens.', '1s').default('1s'),
    burst: z
      .int()
      .min(1)
      .max(1_000_000)
      .optional()
      .describe('So many tokens a bucket holds. By default as many as requests.'),
    key: key.optional(),
    maxKeys: z
      .int()
      .min(1)
      .max(100_000)
      .default(10_000)
      .describe(
        'So many buckets a sidecar keeps; of more, the one that was used longest ago is forgotten.',
      ),
    scope: z
      .enum(['Local', 'Global'])
      .default('Local')
      .describe('Local: each sidecar counts by itself. Global: all count together, in the store.'),
  })
  .describe('A token bucket for each key.');

const limits = withRules(
  z.array(limit).min(1).max(8),
  'All of them must have room for a request.',
  [
    {
      cel: 'self.all(a, self.exists_one(b, a.name == b.name))',
      holds: (all) => new Set(all.map(({ name }) => name)).size === all.length,
      message: 'each limit needs a name of its own',
    },
  ],
);

const store = z
  .strictObject({
    redis: withRules(
      z.string().max(270).regex(ADDRESS_PATTERN, {
        error: 'is not host:port; a URL, a user or a password is not possible',
        abort: true,
      }),
      'host:port of a Redis (6 or newer), as the sidecars of the target reach it.',
      [
        {
          cel: "int(self.substring(self.lastIndexOf(':') + 1)) >= 1 && int(self.substring(self.lastIndexOf(':') + 1)) <= 65535",
          holds: (text) => {
            const port = Number(text.slice(text.lastIndexOf(':') + 1));
            return port >= 1 && port <= 65535;
          },
          message: 'the port must be from 1 to 65535',
        },
      ],
    ),
    timeout: duration('So long a request waits for the answer.', '1ms', '10s').default('50ms'),
    onFailure: z
      .enum(['Allow', 'Deny'])
      .default('Allow')
      .describe('What becomes of requests while the store does not answer.'),
  })
  .describe('Where the limits with scope Global are counted.');

export const rateLimitPolicySpec = withRules(
  z.strictObject({ targetRefs, limits, store: store.optional() }),
  'How many requests come through.',
  [
    {
      cel: "has(self.store) == self.limits.exists(limit, limit.scope == 'Global')",
      holds: (spec) =>
        (spec.store !== undefined) === spec.limits.some(({ scope }) => scope === 'Global'),
      message: 'store must be given with a limit of scope Global, and only with one',
    },
  ],
);

export const rateLimitPolicy: CustomResource<typeof rateLimitPolicySpec> = {
  kind: 'RateLimitPolicy',
  plural: 'ratelimitpolicies',
  singular: 'ratelimitpolicy',
  shortNames: ['rlpol'],
  version: 'v1alpha1',
  description:
    'Rate limits for requests to the pods of a Service, counted where they arrive, or for those that a route takes, counted where they leave.',
  spec: rateLimitPolicySpec,
  status: z.object({ conditions }),
  printerColumns: [
    { name: 'Kind', type: 'string', jsonPath: '.spec.targetRefs[0].kind' },
    { name: 'Target', type: 'string', jsonPath: '.spec.targetRefs[0].name' },
    { name: 'Requests', type: 'integer', jsonPath: '.spec.limits[0].requests' },
    { name: 'Window', type: 'string', jsonPath: '.spec.limits[0].window' },
    ...acceptedColumns,
  ],
};
