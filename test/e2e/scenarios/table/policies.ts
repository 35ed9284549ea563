import {
  httpRoute,
  namespacePolicy,
  PORT,
  service,
  trafficPolicy,
  trafficPolicyOnRoute,
} from '../manifests.ts';
import type { Scenario } from '../scenario.ts';
import { call, change, explained, get, remove, seen, send, status } from '../steps.ts';

const v1 = { app: 'echo', version: 'v1' };
const QUICK = 'backoff: { base: 1ms, max: 5ms }';

/** How policies of several places come together, and what they can say besides. */
export const POLICIES: readonly Scenario[] = [
  {
    name: 'a policy on the namespace is in force for all its Services that say nothing themselves',
    apply: [
      service('default-a', v1),
      service('default-b', v1),
      namespacePolicy('timeouts: { request: 300ms }'),
      trafficPolicy('default-b', 'timeouts: { request: 20s }'),
    ],
    steps: [
      send(get('http://default-a/', { behave: { delayMs: 2000 } }), { status: 504 }),
      send(get('http://default-b/', { behave: { delayMs: 600 } }), { status: 200 }),
      remove(namespacePolicy('{}')),
      send(get('http://default-a/', { behave: { delayMs: 600 } }), { status: 200 }),
    ],
  },
  {
    name: 'each field comes from the most specific policy that sets it, and statuses tell which does',
    apply: [
      service('merged', v1),
      httpRoute('merged', '[{ backendRefs: [{ name: v1, port: 80 }] }]'),
      trafficPolicy(
        'merged',
        `{ timeouts: { request: 300ms }, retries: { attempts: 1, statusCodes: [503], ${QUICK} } }`,
      ),
      trafficPolicyOnRoute('HTTPRoute', 'merged', 'timeouts: { request: 20s }'),
    ],
    steps: [
      send(
        get('http://merged/', { behave: { key: 'merged', first: 1, status: 503, delayMs: 500 } }),
        {
          received: { count: 2 },
          atLeastMs: 490,
        },
      ),
      status(trafficPolicyOnRoute('HTTPRoute', 'merged', '{}'), 'Enforced: True Enforced'),
    ],
  },
  {
    name: 'a server that asks to be asked later is asked then',
    apply: [
      service('later', v1),
      trafficPolicy('later', `retries: { attempts: 1, statusCodes: [503], ${QUICK} }`),
    ],
    steps: [
      send(
        get('http://later/', {
          behave: { key: 'later', first: 1, status: 503, headers: { 'retry-after': '1' } },
        }),
        { received: { count: 2 }, atLeastMs: 950 },
      ),
      change(
        trafficPolicy(
          'later',
          `retries: { attempts: 1, statusCodes: [503], maxRetryAfter: 500ms, ${QUICK} }`,
        ),
      ),
      send(
        get('http://later/', {
          behave: { key: 'too-late', first: 1, status: 503, headers: { 'retry-after': '1' } },
        }),
        { status: 503, headers: { 'retry-after': '1' } },
      ),
      seen('v1', 'too-late', 1),
    ],
  },
  {
    name: 'outcomes of gRPC are tried again by name, and no others',
    apply: [
      service('by-name', v1),
      trafficPolicy(
        'by-name',
        `retries: { attempts: 2, grpcStatuses: [RESOURCE_EXHAUSTED], ${QUICK} }`,
      ),
    ],
    steps: [
      send(
        call(`http://by-name:${PORT.http2}/a.B/C`, {
          behave: { key: 'by-name-a', first: 2, grpcStatus: 8 },
        }),
        { grpcStatus: 0, received: { count: 3 } },
      ),
      send(
        call(`http://by-name:${PORT.http2}/a.B/C`, {
          behave: { key: 'by-name-b', first: 1, grpcStatus: 14 },
        }),
        { grpcStatus: 14 },
      ),
      seen('v1', 'by-name-b', 1),
    ],
  },
  {
    name: 'errors of the application itself take no pod out where only those of the gateway count',
    apply: [
      service('gateway-errors'),
      trafficPolicy(
        'gateway-errors',
        'circuitBreaker: { consecutiveErrors: 1000, consecutiveGatewayErrors: 3, ejectionTime: 60s }',
      ),
    ],
    steps: [
      send(
        get('http://gateway-errors/', { behave: { on: ['v1'], status: 500 } }),
        {
          counts: { v1: { atLeast: 4 }, v2: { atLeast: 1 }, v3: { atLeast: 1 } },
          statuses: { 200: { atLeast: 1 }, 500: { atLeast: 4 } },
        },
        { count: 60 },
      ),
      send(
        get('http://gateway-errors/', { behave: { on: ['v2'], status: 503 } }),
        { statuses: { 200: 57, 503: 3 } },
        { count: 60 },
      ),
    ],
  },
  {
    name: 'a pod that fails again on its trial stays out, and one that succeeds is back',
    apply: [
      service('trial'),
      trafficPolicy('trial', 'circuitBreaker: { consecutiveErrors: 2, ejectionTime: 1s }'),
    ],
    steps: [
      // Out after two, then one at each trial: far fewer than the third that it would get.
      send(
        get('http://trial/', { behave: { on: ['v3'], status: 503 } }),
        { statuses: { 200: { atLeast: 110 }, 503: { atLeast: 3, atMost: 10 } } },
        { count: 125, everyMs: 25 },
      ),
    ],
  },
  {
    name: 'a pod that is much slower than the others is taken out',
    apply: [
      service('laggard'),
      trafficPolicy(
        'laggard',
        `
        circuitBreaker:
          latency: { percent: 300, min: 100ms, minRequests: 3 }
          interval: 1s
          ejectionTime: 60s
        loadBalancer: { type: RoundRobin }`,
      ),
    ],
    steps: [
      send(
        get('http://laggard/', { behave: { on: ['v2'], delayMs: 400 } }),
        { status: 200 },
        { count: 40, atOnce: 4, everyMs: 50 },
      ),
      explained(get('http://laggard/'), /2 usable endpoints \(of 3\)/, {
        says: [/ejected for being much slower than others/],
      }),
      send(
        get('http://laggard/'),
        { counts: { v1: { atLeast: 1 }, v3: { atLeast: 1 } } },
        { count: 20 },
      ),
    ],
  },
];
