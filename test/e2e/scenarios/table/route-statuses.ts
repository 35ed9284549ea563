import {
  grpcRoute,
  httpRoute,
  type Manifest,
  manifests,
  OUTSIDE,
  PORT,
  policyOnService,
  service,
  tcpRoute,
  tlsRoute,
  trafficPolicy,
} from '../manifests.ts';
import type { Scenario } from '../scenario.ts';
import { change, get, refused, remove, seen, send, status } from '../steps.ts';

const toOutside = `[{ backendRefs: [{ name: ${OUTSIDE.name}, namespace: ${OUTSIDE.namespace}, port: 8080 }] }]`;
const abroad = httpRoute('abroad', toOutside);

/** What the namespace outside lets routes of the scenarios lead to. */
function grant(kind: string, to: string): Manifest[] {
  return manifests(`
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: { name: abroad, namespace: ${OUTSIDE.namespace} }
spec:
  from: [{ group: gateway.networking.k8s.io, kind: ${kind}, namespace: scenarios }]
  to: [{ group: "", kind: Service, name: ${to} }]`);
}

const ofOtherKind = httpRoute(
  'other-kind',
  `
  - matches: [{ path: { value: /bucket } }]
    backendRefs: [{ group: storage.example, kind: Bucket, name: files, port: 80 }]
  - backendRefs: [{ name: v1, port: 80 }]`,
);

const onAnyPort = { port: PORT.undeclared };
const byHttp = httpRoute('rivals', '[{ backendRefs: [{ name: v1, port: 80 }] }]', onAnyPort);
const byTcp = tcpRoute('rivals', '[{ backendRefs: [{ name: v2, port: 84 }] }]', onAnyPort);
const onHttp = tcpRoute('declared', '[{ backendRefs: [{ name: v2, port: 84 }] }]', { port: 80 });

const byName = tlsRoute('tls-first', ['a.example'], '[{ backendRefs: [{ name: v1, port: 443 }] }]');
const byAll = tcpRoute('tls-first', '[{ backendRefs: [{ name: v2, port: 443 }] }]', {
  port: PORT.tls,
});

const calls = grpcRoute('calls-first', '[{ backendRefs: [{ name: v1, port: 81 }] }]');
const requests = httpRoute('calls-first', '[{ backendRefs: [{ name: v2, port: 81 }] }]', {
  port: PORT.http2,
});

function mirrored(share: string): Manifest {
  return httpRoute(
    'share',
    `
    - filters:
        - { type: RequestMirror, requestMirror: { ${share}, backendRef: { name: v2, port: 80 } } }
      backendRefs: [{ name: v1, port: 80 }]`,
  );
}

/** Routes that cannot be followed, or stand in each other's way. */
export const ROUTE_STATUSES: readonly Scenario[] = [
  {
    name: 'a grant holds for the kind of route and the Service that it names, and for nothing else',
    apply: [service('abroad'), abroad],
    steps: [
      status(abroad, 'ResolvedRefs: False RefNotPermitted', /ReferenceGrant for HTTPRoutes/),
      send(get('http://abroad/'), { status: 500, error: 'invalid-backend' }),
      change(...grant('GRPCRoute', OUTSIDE.name)),
      status(abroad, 'ResolvedRefs: False RefNotPermitted'),
      send(get('http://abroad/'), { status: 500, error: 'invalid-backend' }),
      change(...grant('HTTPRoute', 'something-else')),
      status(abroad, 'ResolvedRefs: False RefNotPermitted'),
      send(get('http://abroad/'), { status: 500, error: 'invalid-backend' }),
      change(...grant('HTTPRoute', OUTSIDE.name)),
      status(abroad, 'ResolvedRefs: True ResolvedRefs'),
      send(get('http://abroad/'), { from: OUTSIDE.name }, { count: 3 }),
    ],
  },
  {
    name: 'a backend of a kind that nobody knows is named, and its requests are answered with 500',
    apply: [service('other-kind'), ofOtherKind],
    steps: [
      status(ofOtherKind, 'Accepted: True Accepted'),
      status(ofOtherKind, 'ResolvedRefs: False InvalidKind', /storage\.example\/Bucket/),
      send(get('http://other-kind/bucket'), { status: 500, error: 'invalid-backend' }),
      send(get('http://other-kind/'), { from: 'v1' }),
    ],
  },
  {
    name: 'a TCPRoute yields to an HTTPRoute on the same port, says so, and takes over when it goes',
    apply: [service('rivals'), byHttp, byTcp],
    steps: [
      status(byHttp, 'Accepted: True Accepted'),
      status(byTcp, 'Accepted: False Conflicted', /has HTTPRoutes/),
      send(
        get(`http://rivals:${PORT.undeclared}/`, { connection: 'new' }),
        { from: 'v1' },
        { count: 5 },
      ),
      remove(byHttp),
      status(byTcp, 'Accepted: True Accepted'),
      send(
        get(`http://rivals:${PORT.undeclared}/`, { connection: 'new' }),
        { from: 'v2' },
        { count: 5 },
      ),
    ],
  },
  {
    name: 'a TCPRoute yields to TLSRoutes, and an HTTPRoute to GRPCRoutes',
    apply: [service('tls-first'), service('calls-first'), byName, byAll, calls, requests],
    steps: [
      status(byAll, 'Accepted: False Conflicted', /has TLSRoutes/),
      send(
        get('https://tls-first/', { connection: 'new', headers: { host: 'b.example' } }),
        { status: 0 },
        { count: 3 },
      ),
      status(requests, 'Accepted: False Conflicted', /has GRPCRoutes/),
    ],
  },
  {
    name: 'a TCPRoute on a port that is declared HTTP has no parent, and requests go on as without it',
    apply: [service('declared'), onHttp],
    steps: [
      status(onHttp, 'Accepted: False NoMatchingParent', /80/),
      send(get('http://declared/'), { pods: 3 }, { count: 40 }),
    ],
  },
  {
    name: 'routes that lead to each other, and a copy to its own Service, lead nobody around in circles',
    apply: [
      service('circle-a', { app: 'echo', version: 'v1' }),
      service('circle-b', { app: 'echo', version: 'v2' }),
      service('mirror-of-itself', { app: 'echo', version: 'v3' }),
      httpRoute('circle-a', '[{ backendRefs: [{ name: circle-b, port: 80 }] }]'),
      httpRoute('circle-b', '[{ backendRefs: [{ name: circle-a, port: 80 }] }]'),
      httpRoute(
        'mirror-of-itself',
        `
        - filters:
            - type: RequestMirror
              requestMirror: { backendRef: { name: mirror-of-itself, port: 80 } }`,
      ),
    ],
    steps: [
      send(get('http://circle-a/'), { from: 'v2' }, { count: 3 }),
      send(get('http://circle-b/'), { from: 'v1' }, { count: 3 }),
      send(get('http://mirror-of-itself/', { behave: { key: 'mirror-of-itself' } }), {
        from: 'v3',
      }),
      seen('v3', 'mirror-of-itself', 2),
      send(get('http://circle-a/'), { from: 'v2' }, { count: 3 }),
      seen('v3', 'mirror-of-itself', 2),
    ],
  },
  {
    name: 'a share that cannot be is refused, whatever it is a share of',
    steps: [
      refused(
        trafficPolicy('v1', 'circuitBreaker: { maxEjectedPercent: 101 }'),
        /maxEjectedPercent/,
      ),
      refused(
        trafficPolicy('v1', 'circuitBreaker: { minHealthyPercent: -1 }'),
        /minHealthyPercent/,
      ),
      refused(
        trafficPolicy('v1', 'circuitBreaker: { successRate: { minPercent: 0 } }'),
        /minPercent/,
      ),
      refused(trafficPolicy('v1', 'circuitBreaker: { latency: { percent: 100 } }'), /percent/),
      refused(trafficPolicy('v1', 'retries: { budget: { percent: 101 } }'), /percent/),
      refused(
        policyOnService('FaultPolicy', 'v1', 'abort: { httpStatus: 503, percent: 100.5 }'),
        /percent/,
      ),
      refused(
        policyOnService('FaultPolicy', 'v1', 'delay: { duration: 1s, percent: -1 }'),
        /percent/,
      ),
      refused(mirrored('percent: 101'), /percent/),
      refused(mirrored('fraction: { numerator: 3, denominator: 2 }'), /fraction|numerator/),
      refused(httpRoute('v1', '[{ backendRefs: [{ name: v1, port: 80, weight: -1 }] }]'), /weight/),
    ],
  },
];
