import { httpRoute, PORT, policyOnRoute, policyOnService, service } from '../manifests.ts';
import type { Scenario } from '../scenario.ts';
import { call, get, send, underLoad } from '../steps.ts';

const v1 = { app: 'echo', version: 'v1' };

/** How many requests come through. */
export const RATE_LIMITS: readonly Scenario[] = [
  {
    name: 'requests beyond a rate are refused with 429, and told when to come again',
    apply: [
      service('rated', v1),
      policyOnService(
        'RateLimitPolicy',
        'rated',
        'limits: [{ name: total, requests: 10, window: 600s }]',
      ),
    ],
    enforcedBy: 'callees',
    steps: [
      send(get('http://rated/'), { headers: { ratelimit: /total/, 'ratelimit-policy': /total/ } }),
      send(get('http://rated/'), { statuses: { 200: 9, 429: 11 } }, { count: 20 }),
      send(get('http://rated/'), {
        status: 429,
        error: 'rate-limited',
        headers: { 'retry-after': /^[0-9]+$/ },
      }),
    ],
  },
  {
    name: 'each value of a header has a rate of its own',
    apply: [
      service('rated-users', v1),
      policyOnService(
        'RateLimitPolicy',
        'rated-users',
        'limits: [{ name: user, requests: 5, window: 600s, key: { header: x-user } }]',
      ),
    ],
    enforcedBy: 'callees',
    steps: [
      send(
        get('http://rated-users/', { headers: { 'x-user': 'ada' } }),
        { statuses: { 200: 5, 429: 5 } },
        { count: 10 },
      ),
      send(
        get('http://rated-users/', { headers: { 'x-user': 'bob' } }),
        { statuses: { 200: 5, 429: 1 } },
        { count: 6 },
      ),
    ],
  },
  {
    name: 'each identity has a rate of its own, and all callers without one share one',
    apply: [
      service('rated-callers', v1),
      policyOnService(
        'RateLimitPolicy',
        'rated-callers',
        'limits: [{ name: caller, requests: 4, window: 600s, key: { source: Identity } }]',
      ),
    ],
    enforcedBy: 'callees',
    steps: [
      send(get('http://rated-callers/'), { statuses: { 200: 4, 429: 6 } }, { count: 10 }),
      send(
        get('http://rated-callers.scenarios/'),
        { statuses: { 200: 4, 429: 1 } },
        { count: 5, from: 'consumer' },
      ),
      send(
        get('http://rated-callers.scenarios/'),
        { statuses: { 200: 4, 429: 1 } },
        { count: 5, from: 'outsider' },
      ),
    ],
  },
  {
    name: 'a rate for all is shared fairly: who sends little comes through beside one who floods',
    apply: [
      service('fair', v1),
      policyOnService(
        'RateLimitPolicy',
        'fair',
        'limits: [{ name: all, requests: 40, window: 1s }]',
      ),
    ],
    enforcedBy: 'callees',
    steps: [
      underLoad(
        get('http://fair/'),
        200,
        [
          send(
            get('http://fair.scenarios/'),
            { statuses: { 200: { atLeast: 18 }, 429: { atMost: 12 } } },
            { count: 30, everyMs: 100, from: 'consumer' },
          ),
        ],
        { '200 v1': { atLeast: 40 }, '429 ': { atLeast: 100 } },
      ),
    ],
  },
  {
    name: 'a rate on a route is counted where requests leave, and concerns what the route takes',
    apply: [
      service('rated-route', v1),
      httpRoute(
        'rated-route',
        `
        - matches: [{ path: { type: PathPrefix, value: /search } }]
          backendRefs: [{ name: v1, port: 80 }]`,
      ),
      policyOnRoute(
        'RateLimitPolicy',
        'HTTPRoute',
        'rated-route',
        'limits: [{ name: search, requests: 3, window: 600s }]',
      ),
    ],
    steps: [
      send(get('http://rated-route/search'), { statuses: { 200: 3, 429: 3 } }, { count: 6 }),
      send(get('http://v1/search'), { status: 200 }, { count: 5 }),
    ],
  },
  {
    name: 'a call of gRPC beyond a rate is told RESOURCE_EXHAUSTED',
    apply: [
      service('rated-calls', v1),
      policyOnService(
        'RateLimitPolicy',
        'rated-calls',
        'limits: [{ name: calls, requests: 1, window: 600s }]',
      ),
    ],
    enforcedBy: 'callees',
    steps: [
      send(call(`http://rated-calls:${PORT.http2}/a.B/C`), { grpcStatus: 0 }),
      send(call(`http://rated-calls:${PORT.http2}/a.B/C`), { grpcStatus: 8 }),
    ],
  },
];
