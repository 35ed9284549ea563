import {
  grpcRoute,
  httpRoute,
  PORT,
  service,
  trafficPolicy,
  trafficPolicyOnRoute,
} from '../manifests.ts';
import type { Scenario } from '../scenario.ts';
import { call, eventually, get, post, remove, seen, send } from '../steps.ts';

const v1 = { app: 'echo', version: 'v1' };
const toV1 = '[{ backendRefs: [{ name: v1, port: 80 }] }]';
const QUICK = 'backoff: { base: 1ms, max: 5ms }';

/** Time limits, retries, circuit breaking and limits. */
export const RESILIENCE: readonly Scenario[] = [
  {
    name: 'a request that takes longer than its limit is ended with 504',
    apply: [service('timeout', v1), trafficPolicy('timeout', 'timeouts: { request: 300ms }')],
    steps: [
      send(get('http://timeout/', { behave: { delayMs: 5000 } }), {
        status: 504,
        error: 'request-timeout',
        atLeastMs: 290,
        atMostMs: 4500,
      }),
      send(get('http://timeout/'), { from: 'v1' }),
    ],
  },
  {
    name: 'the time limits of a route count before those of the Service',
    apply: [
      service('own-timeout'),
      httpRoute(
        'own-timeout',
        `
        - matches: [{ path: { type: PathPrefix, value: /long } }]
          timeouts: { request: 10s }
          backendRefs: [{ name: v1, port: 80 }]
        - backendRefs: [{ name: v1, port: 80 }]`,
      ),
      trafficPolicy('own-timeout', 'timeouts: { request: 300ms }'),
    ],
    steps: [
      send(get('http://own-timeout/long', { behave: { delayMs: 600 } }), { atLeastMs: 590 }),
      send(get('http://own-timeout/', { behave: { delayMs: 5000 } }), { status: 504 }),
    ],
  },
  {
    name: 'a slow body is cut when the time of the request is up, and not passed on as whole',
    apply: [service('slow-body', v1), trafficPolicy('slow-body', 'timeouts: { request: 400ms }')],
    steps: [
      send(get('http://slow-body/', { behave: { slowBodyMs: 5000 } }), {
        status: 0,
        atLeastMs: 390,
        atMostMs: 4500,
      }),
    ],
  },
  {
    name: 'a try that takes too long is given up for another',
    apply: [
      service('per-try', v1),
      trafficPolicy(
        'per-try',
        `
        timeouts: { perTry: 800ms }
        retries: { attempts: 1, statusCodes: [504], ${QUICK} }`,
      ),
    ],
    steps: [
      send(get('http://per-try/', { behave: { key: 'per-try', first: 1, delayMs: 5000 } }), {
        from: 'v1',
        received: { count: 2 },
        atLeastMs: 390,
        atMostMs: 4500,
      }),
    ],
  },
  {
    name: 'answers with a listed status are tried again, others are not',
    apply: [
      service('codes', v1),
      trafficPolicy('codes', `retries: { attempts: 2, statusCodes: [503], ${QUICK} }`),
    ],
    steps: [
      send(get('http://codes/', { behave: { key: 'codes-a', first: 2, status: 503 } }), {
        received: { count: 3 },
      }),
      send(get('http://codes/', { behave: { key: 'codes-b', first: 3, status: 503 } }), {
        status: 503,
        received: { count: 3 },
      }),
      send(get('http://codes/', { behave: { key: 'codes-c', first: 1, status: 500 } }), {
        status: 500,
        received: { count: 1 },
      }),
    ],
  },
  {
    name: 'a body is sent again with its request, whole',
    apply: [
      service('again', v1),
      trafficPolicy('again', `retries: { attempts: 2, statusCodes: [503], ${QUICK} }`),
    ],
    steps: [
      send(
        post('http://again/', {
          body: 'x'.repeat(1500),
          behave: { key: 'again', first: 1, status: 503 },
        }),
        { received: { body: 'x'.repeat(1500), count: 2 } },
      ),
    ],
  },
  {
    name: 'the retries of a route are those that its rule asks for',
    apply: [
      service('route-retry'),
      httpRoute(
        'route-retry',
        `
        - matches: [{ path: { type: PathPrefix, value: /again } }]
          retry: { codes: [502], attempts: 1, backoff: 1ms }
          backendRefs: [{ name: v1, port: 80 }]
        - backendRefs: [{ name: v1, port: 80 }]`,
      ),
    ],
    steps: [
      send(get('http://route-retry/again', { behave: { key: 'route-a', first: 1, status: 502 } }), {
        received: { count: 2 },
      }),
      send(get('http://route-retry/', { behave: { key: 'route-b', first: 1, status: 502 } }), {
        status: 502,
      }),
    ],
  },
  {
    name: 'a policy on a route counts before one on its Service',
    apply: [
      service('policies'),
      httpRoute('policies', toV1),
      trafficPolicy('policies', 'retries: { attempts: 0 }'),
      trafficPolicyOnRoute(
        'HTTPRoute',
        'policies',
        `retries: { attempts: 1, statusCodes: [503], ${QUICK} }`,
      ),
    ],
    steps: [
      send(get('http://policies/', { behave: { key: 'policies-a', first: 1, status: 503 } }), {
        received: { count: 2 },
      }),
      remove(trafficPolicyOnRoute('HTTPRoute', 'policies', 'retries: {}')),
      send(get('http://policies/', { behave: { key: 'policies-b', first: 1, status: 503 } }), {
        status: 503,
      }),
    ],
  },
  {
    name: 'without a policy nothing that reached the application is sent again',
    apply: [service('once', v1)],
    steps: [
      send(get('http://once/', { behave: { key: 'once', status: 503 } }), { status: 503 }),
      send(post('http://once/', { behave: { key: 'once', reset: true } }), {
        status: 502,
        error: 'upstream-reset',
      }),
      seen('v1', 'once', 2),
    ],
  },
  {
    name: 'a reset is tried again for methods that may be repeated, and not for POST',
    apply: [
      service('reset', v1),
      trafficPolicy('reset', `retries: { attempts: 2, statusCodes: [503], ${QUICK} }`),
    ],
    steps: [
      send(get('http://reset/', { behave: { key: 'reset-a', first: 1, reset: true } }), {
        received: { count: 2 },
      }),
      send(post('http://reset/', { behave: { key: 'reset-b', first: 1, reset: true } }), {
        status: 502,
        error: 'upstream-reset',
      }),
      seen('v1', 'reset-b', 1),
    ],
  },
  {
    name: 'an answer that breaks off in the middle is never passed on as whole',
    apply: [
      service('midway', v1),
      trafficPolicy('midway', `retries: { attempts: 2, statusCodes: [502], ${QUICK} }`),
    ],
    steps: [send(get('http://midway/', { behave: { resetMidway: true } }), { status: 0 })],
  },
  {
    name: 'a port on which nobody listens is answered with 503 and the reason',
    apply: [service('silent', v1)],
    steps: [send(get(`http://silent:${PORT.silent}/`), { status: 503, error: 'connect-failed' })],
  },
  {
    name: 'a pod that cannot be reached costs no request while others can',
    apply: [
      service('partial', undefined, { ports: [{ name: 'http', port: 80, targetPort: 'partial' }] }),
    ],
    steps: [
      send(
        post('http://partial/', { body: 'once' }),
        { received: { body: 'once' } },
        { count: 60, atOnce: 4 },
      ),
      send(
        get('http://partial/'),
        { counts: { v1: { atLeast: 1 }, v2: { atLeast: 1 } } },
        { count: 40 },
      ),
    ],
  },
  {
    name: 'in a total outage the budget keeps retries from multiplying the load: at most a fifth more',
    apply: [
      service('outage', v1),
      trafficPolicy(
        'outage',
        `
        retries: { attempts: 3, statusCodes: [503], budget: { percent: 20, minPerSecond: 0 }, ${QUICK} }`,
      ),
    ],
    steps: [
      send(
        get('http://outage/', { behave: { key: 'outage', status: 503 } }),
        { status: 503 },
        { count: 300, atOnce: 16 },
      ),
      seen('v1', 'outage', { atLeast: 310, atMost: 361 }),
    ],
  },
  {
    name: 'a request on which nothing moves is ended, in every version of HTTP',
    apply: [service('idle', v1), trafficPolicy('idle', 'timeouts: { idle: 500ms }')],
    steps: [
      send(get('http://idle/', { behave: { delayMs: 5000 } }), {
        ...{ status: 504, error: 'idle-timeout', atMostMs: 4500 },
      }),
      send(get('http://idle:81/', { protocol: 'http2', behave: { delayMs: 5000 } }), {
        ...{ status: 504, error: 'idle-timeout', atMostMs: 4500 },
      }),
      // Half of it came.
      send(get('http://idle/', { behave: { slowBodyMs: 5000 } }), { status: 0, atMostMs: 4500 }),
    ],
  },
  {
    name: 'a pod that keeps failing is taken out, and comes back',
    apply: [
      service('breaker'),
      trafficPolicy(
        'breaker',
        'circuitBreaker: { consecutiveErrors: 3, ejectionTime: 4s, maxEjectedPercent: 50 }',
      ),
    ],
    steps: [
      send(
        get('http://breaker/', { behave: { on: ['v2'], status: 503 } }),
        { statuses: { 200: { atLeast: 52 }, 503: { atLeast: 3, atMost: 8 } } },
        { count: 60 },
      ),
      send(
        get('http://breaker/'),
        { counts: { v1: { atLeast: 1 }, v3: { atLeast: 1 } } },
        { count: 20 },
      ),
      eventually(get('http://breaker/'), { pods: 3 }, { count: 20 }),
    ],
  },
  {
    name: 'of the pods of a Service never more are taken out than its policy allows',
    apply: [
      service('most'),
      trafficPolicy(
        'most',
        'circuitBreaker: { consecutiveErrors: 2, ejectionTime: 60s, maxEjectedPercent: 40 }',
      ),
    ],
    steps: [
      send(get('http://most/', { behave: { status: 503 } }), { status: 503 }, { count: 40 }),
      send(get('http://most/'), { pods: 2 }, { count: 40 }),
    ],
  },
  {
    name: 'requests beyond the limit are refused at once, those within it are served',
    apply: [service('limit', v1), trafficPolicy('limit', 'limits: { maxRequests: 5 }')],
    steps: [
      send(
        get('http://limit/', { behave: { delayMs: 1500 } }),
        { statuses: { 200: { atLeast: 5, atMost: 10 }, 503: { atLeast: 10, atMost: 15 } } },
        { count: 20, atOnce: 20 },
      ),
      send(get('http://limit/'), { status: 200 }),
    ],
  },
  {
    name: 'where all connections are in use requests wait, but no more than may',
    apply: [
      service('pending', v1),
      trafficPolicy(
        'pending',
        `
        timeouts: { connect: 20s }
        limits: { maxConnections: 1, maxPendingRequests: 2 }`,
      ),
    ],
    steps: [
      send(
        get('http://pending/', { behave: { delayMs: 700 } }),
        { statuses: { 200: { atLeast: 3, atMost: 8 }, 503: { atLeast: 2, atMost: 7 } } },
        { count: 10, atOnce: 10 },
      ),
    ],
  },
  {
    name: 'a call of gRPC that is UNAVAILABLE is tried again where 503 is',
    apply: [
      service('call-retry'),
      grpcRoute('call-retry', '[{ backendRefs: [{ name: v1, port: 81 }] }]'),
      trafficPolicyOnRoute(
        'GRPCRoute',
        'call-retry',
        `retries: { attempts: 2, statusCodes: [503], ${QUICK} }`,
      ),
    ],
    steps: [
      send(
        call('http://call-retry:81/a.B/C', { behave: { key: 'call-a', first: 2, grpcStatus: 14 } }),
        {
          grpcStatus: 0,
          received: { count: 3 },
        },
      ),
      send(
        call('http://call-retry:81/a.B/C', { behave: { key: 'call-b', first: 1, grpcStatus: 5 } }),
        {
          grpcStatus: 5,
        },
      ),
      seen('v1', 'call-b', 1),
    ],
  },
  {
    name: 'a call of gRPC ends with its own deadline',
    apply: [service('deadline', v1)],
    steps: [
      send(
        call('http://deadline:81/a.B/C', {
          headers: { 'grpc-timeout': '300m' },
          behave: { delayMs: 5000 },
        }),
        { grpcStatus: 4, atLeastMs: 290, atMostMs: 4500 },
      ),
    ],
  },
];
