import { z } from 'zod';
import { duration, durationMs, withRules } from './custom-resource.ts';

const minRequests = z
  .int()
  .min(1)
  .max(1_000_000)
  .default(20)
  .describe('With fewer requests in an interval, nothing is concluded of an endpoint.');

/** `spec.circuitBreaker` of a TrafficPolicy. */
export const circuitBreaker = withRules(
  z.strictObject({
    consecutiveErrors: z
      .int()
      .min(1)
      .max(1000)
      .default(5)
      .describe('So many errors in a row take an endpoint out.'),
    consecutiveGatewayErrors: z
      .int()
      .min(1)
      .max(1000)
      .optional()
      .describe(
        'The same for errors that do not come from the application itself: 502, 503, 504, resets, time limits, connections that fail.',
      ),
    successRate: z
      .strictObject({
        minPercent: z
          .int()
          .min(1)
          .max(100)
          .describe('An endpoint of whose requests fewer succeed is taken out.'),
        minRequests,
      })
      .optional()
      .describe('Takes endpoints out by the share of requests that succeed in an interval.'),
    latency: z
      .strictObject({
        percent: z
          .int()
          .min(110)
          .max(10_000)
          .default(300)
          .describe(
            "An endpoint whose mean response time is above so much of the others' median is taken out.",
          ),
        min: duration('An endpoint that is faster than this is not slow.').default('50ms'),
        minRequests,
      })
      .optional()
      .describe('Takes endpoints out that are much slower than the others in an interval.'),
    interval: duration('How often success rates and response times are compared.', '1s').optional(),
    ejectionTime: duration(
      'How long an endpoint is out. Then one request decides whether it is back; if not, it is out for longer with each time.',
      '1ms',
    ).default('30s'),
    maxEjectionTime: duration('No ejection is longer.', '1ms').optional(),
    maxEjectedPercent: z
      .int()
      .min(0)
      .max(100)
      .default(50)
      .describe('Of the endpoints of a service, at most this share is out at a time.'),
    minHealthyPercent: z
      .int()
      .min(0)
      .max(100)
      .optional()
      .describe('Where less than this share of the endpoints is left, all are used again.'),
  }),
  'Takes endpoints that keep failing, or are much slower than others, out of the balancer for a while.',
  [
    {
      cel: '!has(self.interval) || has(self.successRate) || has(self.latency)',
      holds: ({ interval, successRate, latency }) =>
        interval === undefined || successRate !== undefined || latency !== undefined,
      message: 'interval is of use only with successRate or latency',
    },
    {
      cel: '!has(self.maxEjectionTime) || duration(self.ejectionTime) <= duration(self.maxEjectionTime)',
      holds: ({ ejectionTime, maxEjectionTime }) =>
        maxEjectionTime === undefined || durationMs(ejectionTime) <= durationMs(maxEjectionTime),
      message: 'ejectionTime must not exceed maxEjectionTime',
    },
  ],
);
