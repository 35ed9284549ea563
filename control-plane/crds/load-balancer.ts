import { z } from 'zod';
import { TOKEN } from '../../proto/token.ts';
import { duration, withRules } from './custom-resource.ts';

/** `token` of RFC 9110 §5.6.2: what headers and cookies may be called. */
const fieldName = z.string().min(1).max(256);

const hash = withRules(
  z.strictObject({
    header: fieldName
      .regex(TOKEN, 'is no name of a header')
      .optional()
      .describe('The name of a header whose value decides.'),
    cookie: z
      .strictObject({
        name: fieldName.regex(TOKEN, 'is no name of a cookie'),
        ttl: duration(
          'Where it is given, the sidecar sets the cookie itself, for so long, on the response to a request that came without it. 0s means until the client ends.',
          '0s',
          '720h',
        ).optional(),
      })
      .optional()
      .describe('A cookie whose value decides.'),
    source: z
      .enum(['Pod'])
      .optional()
      .describe('Pod: all that one pod sends goes to the same endpoint.'),
  }),
  'What of a request decides its endpoint.',
  [
    {
      cel: '[has(self.header), has(self.cookie), has(self.source)].filter(given, given).size() == 1',
      holds: ({ header, cookie, source }) =>
        [header, cookie, source].filter((given) => given !== undefined).length === 1,
      message: 'exactly one of header, cookie and source must be given',
    },
  ],
);

/** `spec.loadBalancer` of a TrafficPolicy. */
export const loadBalancer = withRules(
  z.strictObject({
    type: z
      .enum(['LeastRequest', 'PeakEwma', 'RoundRobin', 'RingHash'])
      .describe(
        'LeastRequest: of two drawn at random, the endpoint with fewer requests under way. PeakEwma: the same, weighed by response time. RoundRobin: one after the other. RingHash: equal keys to the same endpoint, unless that has much more to do than others.',
      ),
    hash: hash.optional(),
    slowStart: z
      .strictObject({
        window: duration('How long the share grows.', '1s').default('30s'),
        minPercent: z
          .int()
          .min(1)
          .max(100)
          .default(10)
          .describe('What it begins with, of the share of an endpoint that is not new.'),
      })
      .optional()
      .describe(
        'Lets the share of an endpoint that is new, or back after an ejection, grow over a while.',
      ),
    locality: z
      .strictObject({
        minHealthyPercent: z
          .int()
          .min(1)
          .max(100)
          .default(70)
          .describe(
            'Where less than this share of the endpoints in the zone is healthy, requests go to all zones.',
          ),
      })
      .optional()
      .describe("Sends requests to endpoints in the caller's own zone, while there are enough."),
  }),
  'How the endpoint of a request is chosen.',
  [
    {
      cel: "has(self.hash) == (self.type == 'RingHash')",
      holds: ({ type, hash: given }) => (given !== undefined) === (type === 'RingHash'),
      message: 'hash must be given with the type RingHash, and only with it',
    },
    {
      cel: "!has(self.slowStart) || self.type != 'RingHash'",
      holds: ({ slowStart, type }) => slowStart === undefined || type !== 'RingHash',
      message: 'slowStart cannot be given with the type RingHash, whose keys stay where they are',
    },
  ],
);
