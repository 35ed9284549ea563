import {
  httpRoute,
  PORT,
  policyOnRoute,
  policyOnService,
  service,
  trafficPolicy,
} from '../manifests.ts';
import type { Scenario } from '../scenario.ts';
import {
  call,
  changes,
  eventually,
  explained,
  get,
  post,
  refused,
  seen,
  send,
  status,
} from '../steps.ts';

const v1 = { app: 'echo', version: 'v1' };

/** What is done to requests on purpose. */
export const FAULTS: readonly Scenario[] = [
  {
    name: 'a fault lets the requests wait that it matches, and no others',
    apply: [
      service('delayed', v1),
      policyOnService(
        'FaultPolicy',
        'delayed',
        `
        matches: [{ path: { type: PathPrefix, value: /slow }, headers: [{ name: x-chaos, value: 'on' }] }]
        delay: { duration: 2s }`,
      ),
    ],
    steps: [
      send(get('http://delayed/slow/page', { headers: { 'x-chaos': 'on' } }), {
        from: 'v1',
        atLeastMs: 1990,
      }),
      send(get('http://delayed/slow/page'), { atMostMs: 1900 }),
      send(get('http://delayed/slower', { headers: { 'x-chaos': 'on' } }), { atMostMs: 1900 }),
    ],
  },
  {
    name: 'a fault refuses its share of the requests, and nothing of them comes to the application',
    apply: [
      service('aborted', v1),
      policyOnService('FaultPolicy', 'aborted', 'abort: { httpStatus: 555, percent: 50 }'),
    ],
    steps: [
      send(
        get('http://aborted/', { behave: { key: 'aborted' } }),
        { statuses: { 200: { atLeast: 60, atMost: 140 }, 555: { atLeast: 60, atMost: 140 } } },
        { count: 200, atOnce: 8 },
      ),
      seen('v1', 'aborted', { atLeast: 60, atMost: 140 }),
    ],
  },
  {
    name: 'a refused request says that this was on purpose, to calls of gRPC in their own terms',
    apply: [
      service('named-fault', v1),
      policyOnService('FaultPolicy', 'named-fault', 'abort: { grpcStatus: UNAVAILABLE }'),
    ],
    steps: [
      explained(
        get('http://named-fault/'),
        /may meet the faults of FaultPolicy scenarios\/named-fault$/,
      ),
      send(get('http://named-fault/'), { status: 503, error: 'fault-injected' }),
      send(call(`http://named-fault:${PORT.http2}/a.B/C`), { grpcStatus: 14 }),
    ],
  },
  {
    name: 'the delay of a fault counts within the time limit of the request',
    apply: [
      service('late-fault', v1),
      policyOnService('FaultPolicy', 'late-fault', 'delay: { duration: 10s }'),
      trafficPolicy('late-fault', 'timeouts: { request: 400ms }'),
    ],
    steps: [
      send(get('http://late-fault/'), { status: 504, error: 'request-timeout', atMostMs: 5000 }),
    ],
  },
  {
    name: 'a fault on a route concerns what the route takes',
    apply: [
      service('route-fault', v1),
      httpRoute(
        'route-fault',
        `
        - matches: [{ path: { type: PathPrefix, value: /routed } }]
          backendRefs: [{ name: v1, port: 80 }]`,
      ),
      policyOnRoute('FaultPolicy', 'HTTPRoute', 'route-fault', 'abort: { httpStatus: 418 }'),
    ],
    steps: [
      send(get('http://route-fault/routed'), { status: 418, error: 'fault-injected' }),
      send(get('http://v1/routed'), { from: 'v1' }),
    ],
  },
  {
    name: 'a fault makes bodies slow',
    apply: [
      service('narrow', v1),
      policyOnService('FaultPolicy', 'narrow', 'bandwidth: { bytesPerSecond: 8192 }'),
    ],
    steps: [
      send(post('http://narrow/', { body: 'x'.repeat(24_000) }), {
        received: { bytes: 24_000 },
        atLeastMs: 1500,
      }),
    ],
  },
  {
    name: 'a fault ends by itself at its time',
    apply: [service('expiring', v1)],
    steps: [
      changes(1, () => [
        policyOnService(
          'FaultPolicy',
          'expiring',
          `{ abort: { httpStatus: 503 }, expiresAt: '${new Date(Date.now() + 5000).toISOString()}' }`,
        ),
      ]),
      send(get('http://expiring/'), { status: 503, error: 'fault-injected' }, { count: 3 }),
      eventually(get('http://expiring/'), { status: 200 }, { count: 5 }),
    ],
  },
  {
    name: 'a fault that does nothing, or what no fault can, is refused',
    steps: [
      refused(
        policyOnService('FaultPolicy', 'v1', 'abort: { percent: 10 }'),
        /httpStatus|grpcStatus/,
      ),
      refused(policyOnService('FaultPolicy', 'v1', 'abort: { httpStatus: 200 }'), /httpStatus|400/),
      refused(policyOnService('FaultPolicy', 'v1', '{}'), /delay, abort and bandwidth/),
    ],
  },
  {
    name: 'a fault for a Service that is not there says so',
    apply: [policyOnService('FaultPolicy', 'absent', 'delay: { duration: 1s }')],
    steps: [
      status(
        policyOnService('FaultPolicy', 'absent', '{}'),
        'Accepted: False TargetNotFound',
        /absent/,
      ),
    ],
  },
];
