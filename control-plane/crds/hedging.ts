import { z } from 'zod';
import { duration, withRules } from './custom-resource.ts';

/** Methods that can be hedged; CONNECT asks for a connection, and there is no other of that. */
const METHODS = [
  'GET',
  'HEAD',
  'OPTIONS',
  'TRACE',
  'PUT',
  'DELETE',
  'POST',
  'PATCH',
  'QUERY',
] as const;

const budget = withRules(
  z.strictObject({
    percent: z
      .int()
      .min(0)
      .max(100)
      .default(10)
      .describe('Of the requests that could be hedged, at most this share is.'),
    minPerSecond: z
      .int()
      .min(0)
      .max(10_000)
      .default(0)
      .describe('So many second tries a second are always allowed.'),
  }),
  'Keeps second tries from adding more than this to the load.',
  [
    {
      cel: 'self.percent > 0 || self.minPerSecond > 0',
      holds: ({ percent, minPerSecond }) => percent > 0 || minPerSecond > 0,
      message: 'a budget of nothing allows no second try: percent or minPerSecond must be above 0',
    },
  ],
);

/** `spec.hedging` of a TrafficPolicy. */
export const hedging = z
  .strictObject({
    percentile: z
      .int()
      .min(1)
      .max(99)
      .default(95)
      .describe(
        'A request that has no response after the time within which this share of the others had one is sent to another endpoint as well.',
      ),
    minDelay: duration('But never before it has waited for so long.', '1ms').default('10ms'),
    methods: z.array(z.enum(METHODS)).min(1).max(16).default(['GET', 'HEAD', 'OPTIONS']).meta({
      description:
        'Requests with these methods, which the application must take twice without harm. Calls of gRPC are POST.',
      'x-kubernetes-list-type': 'set',
    }),
    budget: budget.default({ percent: 10, minPerSecond: 0 }),
  })
  .describe(
    'Sends a request that takes long to a second endpoint too, and takes the answer that comes first.',
  );
