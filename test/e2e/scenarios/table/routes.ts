import {
  CONSUMER_NAMESPACE,
  grpcRoute,
  httpRoute,
  type Manifest,
  manifests,
  service,
} from '../manifests.ts';
import type { Scenario } from '../scenario.ts';
import { call, change, get, remove, send, status } from '../steps.ts';

const toV1 = '[{ backendRefs: [{ name: v1, port: 80 }] }]';

/** Lets routes of the consumers' namespace lead to Services of the producers'. */
function grant(name: string): Manifest[] {
  return manifests(`
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: { name: ${name} }
spec:
  from: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: ${CONSUMER_NAMESPACE} }]
  to: [{ group: "", kind: Service }]`);
}

const foreign = httpRoute(
  'granted',
  '[{ backendRefs: [{ name: v2, namespace: scenarios, port: 80 }] }]',
  {
    namespace: CONSUMER_NAMESPACE,
  },
);

/** Where routes lead, for whom they are in force, and what they say of themselves. */
export const ROUTES: readonly Scenario[] = [
  {
    name: 'without a route a Service answers by all of its pods',
    apply: [service('plain')],
    steps: [send(get('http://plain/'), { pods: 3 }, { count: 40 })],
  },
  {
    name: 'requests are shared out by weight, and a backend with weight 0 gets none',
    apply: [
      service('weights'),
      httpRoute(
        'weights',
        `
        - backendRefs:
            - { name: v1, port: 80, weight: 75 }
            - { name: v2, port: 80, weight: 25 }
            - { name: v3, port: 80, weight: 0 }`,
      ),
    ],
    steps: [
      send(get('http://weights/'), { shares: { v1: 75, v2: 25 } }, { count: 400, atOnce: 8 }),
    ],
  },
  {
    name: 'new weights are in force with the next request of a kept connection',
    apply: [service('shift'), httpRoute('shift', toV1)],
    steps: [
      send(get('http://shift/'), { from: 'v1' }, { count: 5 }),
      change(httpRoute('shift', '[{ backendRefs: [{ name: v2, port: 80 }] }]')),
      send(get('http://shift/'), { from: 'v2' }, { count: 5 }),
    ],
  },
  {
    name: 'a route that goes leaves the Service as it was',
    apply: [service('gone'), httpRoute('gone', toV1)],
    steps: [
      send(get('http://gone/'), { from: 'v1' }, { count: 10 }),
      remove(httpRoute('gone', toV1)),
      send(get('http://gone/'), { pods: 3 }, { count: 40 }),
    ],
  },
  {
    name: 'a rule without backends leads to the Service itself, with what the rule says',
    apply: [
      service('itself'),
      httpRoute(
        'itself',
        `
        - filters:
            - type: RequestHeaderModifier
              requestHeaderModifier: { set: [{ name: x-rule, value: 'yes' }] }`,
      ),
    ],
    steps: [
      send(
        get('http://itself/'),
        { pods: 3, received: { headers: { 'x-rule': 'yes' } } },
        { count: 40 },
      ),
    ],
  },
  {
    name: 'a backend that does not exist answers its share with 500, and the status names it',
    apply: [
      service('missing'),
      httpRoute(
        'missing',
        `
        - backendRefs:
            - { name: v1, port: 80, weight: 1 }
            - { name: nowhere, port: 80, weight: 1 }`,
      ),
    ],
    steps: [
      send(
        get('http://missing/'),
        { statuses: { 200: { atLeast: 60, atMost: 140 }, 500: { atLeast: 60, atMost: 140 } } },
        { count: 200, atOnce: 8 },
      ),
      status(httpRoute('missing', toV1), 'ResolvedRefs: False BackendNotFound', /nowhere/),
      status(httpRoute('missing', toV1), 'Accepted: True Accepted'),
    ],
  },
  {
    name: 'a rule whose backends all have weight 0 answers 500',
    apply: [
      service('weightless'),
      httpRoute('weightless', '[{ backendRefs: [{ name: v1, port: 80, weight: 0 }] }]'),
    ],
    steps: [send(get('http://weightless/'), { status: 500, error: 'invalid-backend' })],
  },
  {
    name: 'a route of a consumer is in force in its namespace, and for nobody else',
    apply: [
      service('consumed'),
      httpRoute('consumed', '[{ backendRefs: [{ name: v1, port: 80 }] }]'),
      httpRoute(
        'consumed',
        `
        - filters:
            - type: RequestHeaderModifier
              requestHeaderModifier: { set: [{ name: x-consumer, value: 'yes' }] }
          backendRefs: [{ name: consumed, namespace: scenarios, port: 80 }]`,
        { namespace: CONSUMER_NAMESPACE },
      ),
    ],
    steps: [
      send(
        get('http://consumed.scenarios/'),
        { pods: 3, received: { headers: { 'x-consumer': 'yes' } } },
        { from: 'consumer', count: 40 },
      ),
      send(
        get('http://consumed.scenarios/'),
        { from: 'v1', received: { headers: { 'x-consumer': null } } },
        { count: 5 },
      ),
    ],
  },
  {
    name: 'a route of the Service itself is in force for callers of every namespace',
    apply: [service('produced'), httpRoute('produced', toV1)],
    steps: [
      send(get('http://produced.scenarios/'), { from: 'v1' }, { count: 10, from: 'consumer' }),
      send(get('http://produced.scenarios/'), { from: 'v1' }, { count: 10 }),
    ],
  },
  {
    name: 'a caller without a sidecar reaches a Service as without a mesh',
    apply: [service('unmeshed'), httpRoute('unmeshed', toV1)],
    steps: [
      send(
        get('http://unmeshed.scenarios/', { connection: 'new' }),
        { pods: 3, received: { headers: { 'x-forwarded-client-cert': null } } },
        { count: 40, from: 'outsider' },
      ),
    ],
  },
  {
    name: 'a backend in another namespace needs a ReferenceGrant there',
    apply: [service('granted'), foreign],
    steps: [
      send(get('http://granted.scenarios/'), { status: 500 }, { from: 'consumer' }),
      status(foreign, 'ResolvedRefs: False RefNotPermitted'),
      change(...grant('granted')),
      status(foreign, 'ResolvedRefs: True ResolvedRefs'),
      send(get('http://granted.scenarios/'), { from: 'v2' }, { from: 'consumer', count: 5 }),
      remove(...grant('granted')),
      status(foreign, 'ResolvedRefs: False RefNotPermitted'),
      send(get('http://granted.scenarios/'), { status: 500 }, { from: 'consumer' }),
    ],
  },
  {
    name: 'a GRPCRoute goes by service, method and header, and what it does not name is UNIMPLEMENTED or not found',
    apply: [
      service('calls'),
      grpcRoute(
        'calls',
        `
        - matches: [{ method: { service: shop.Orders } }]
          backendRefs: [{ name: v1, port: 81 }]
        - matches: [{ method: { service: shop.Orders, method: Cancel } }]
          backendRefs: [{ name: v2, port: 81 }]
        - matches: [{ method: { service: shop.Orders }, headers: [{ name: x-canary, value: '1' }] }]
          backendRefs: [{ name: v3, port: 81 }]`,
      ),
    ],
    steps: [
      send(call('http://calls:81/shop.Orders/Place', { body: 'hello' }), {
        grpcStatus: 0,
        from: 'v1',
        received: { body: 'hello', path: '/shop.Orders/Place' },
      }),
      send(call('http://calls:81/shop.Orders/Cancel'), { grpcStatus: 0, from: 'v2' }),
      send(call('http://calls:81/shop.Orders/Place', { headers: { 'x-canary': '1' } }), {
        grpcStatus: 0,
        from: 'v3',
      }),
      send(call('http://calls:81/shop.Stock/List'), { grpcStatus: 12 }),
    ],
  },
  {
    name: 'calls of one connection are shared out by the weights of a GRPCRoute',
    apply: [
      service('call-weights'),
      grpcRoute(
        'call-weights',
        `
        - backendRefs:
            - { name: v1, port: 81, weight: 1 }
            - { name: v2, port: 81, weight: 1 }`,
      ),
    ],
    steps: [
      send(
        call('http://call-weights:81/a.B/C'),
        { grpcStatus: 0, shares: { v1: 50, v2: 50 } },
        { count: 200, atOnce: 8 },
      ),
    ],
  },
  {
    name: 'the pods of a headless Service are reached by mutual TLS, without its routes',
    apply: [
      service('headless', { app: 'echo', version: 'v3' }, { clusterIP: 'None' }),
      service('identity', { app: 'echo', version: 'v3' }),
    ],
    steps: [
      send(get('http://headless:8080/'), {
        from: 'v3',
        received: {
          headers: {
            'x-forwarded-client-cert':
              /URI=spiffe:\/\/cluster\.local\/ns\/scenarios\/sa\/client(;|,|$)/,
          },
        },
      }),
      send(
        get('http://identity/', {
          headers: {
            'x-forwarded-client-cert': 'URI=spiffe://cluster.local/ns/kube-system/sa/root',
          },
        }),
        {
          received: {
            headers: { 'x-forwarded-client-cert': /^(?!.*kube-system).*sa\/client(;|,|$)/ },
          },
        },
      ),
    ],
  },
];
