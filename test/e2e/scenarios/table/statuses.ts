import { httpRoute, type Manifest, service, trafficPolicy } from '../manifests.ts';
import type { Scenario } from '../scenario.ts';
import { change, get, refused, send, status } from '../steps.ts';

const toV1 = '[{ backendRefs: [{ name: v1, port: 80 }] }]';
const orphan = trafficPolicy('nobody', 'timeouts: { request: 1s }');
const parentless = httpRoute('no-such-service', toV1);

const withExtension = httpRoute(
  'extended',
  `
  - filters: [{ type: ExtensionRef, extensionRef: { group: example.com, kind: Magic, name: wand } }]
    backendRefs: [{ name: v2, port: 80 }]`,
);
const brokenExpression = httpRoute(
  'broken',
  `
  - matches: [{ path: { type: RegularExpression, value: '/(' } }]
    backendRefs: [{ name: v2, port: 80 }]`,
);

function second(policy: Manifest): Manifest {
  return { ...policy, metadata: { ...policy.metadata, name: `${policy.metadata.name}-second` } };
}

/** What objects say of themselves, and that what is wrong takes nothing else down. */
export const STATUSES: readonly Scenario[] = [
  {
    name: 'a policy says what it waits for when its Service is not there, and everything else works',
    apply: [service('beside'), httpRoute('beside', toV1), orphan],
    steps: [
      status(orphan, 'Accepted: False TargetNotFound', /nobody/),
      status(httpRoute('beside', toV1), 'Accepted: True Accepted'),
      send(get('http://beside/'), { from: 'v1' }, { count: 5 }),
    ],
  },
  {
    name: 'a route says so when its Service or its port is not there',
    apply: [service('portless'), parentless, httpRoute('portless', toV1, { port: 4444 })],
    steps: [
      status(parentless, 'Accepted: False NoMatchingParent', /no-such-service/),
      status(httpRoute('portless', toV1), 'Accepted: False NoMatchingParent', /4444/),
    ],
  },
  {
    name: 'a route with a filter that nobody knows is not taken, and its last good form stays in force',
    apply: [service('extended'), httpRoute('extended', toV1)],
    steps: [
      send(get('http://extended/'), { from: 'v1' }, { count: 3 }),
      change(withExtension),
      status(withExtension, 'Accepted: False UnsupportedValue'),
      send(get('http://extended/'), { from: 'v1' }, { count: 10 }),
    ],
  },
  {
    name: 'a route with a broken expression says which, and its last good form stays in force',
    apply: [service('broken'), httpRoute('broken', toV1)],
    steps: [
      change(brokenExpression),
      status(brokenExpression, 'Accepted: False UnsupportedValue', /\//),
      send(get('http://broken/'), { from: 'v1' }, { count: 10 }),
    ],
  },
  {
    name: 'of two policies on one Service the older is in force, and the other says so',
    apply: [
      service('pair', { app: 'echo', version: 'v1' }),
      trafficPolicy('pair', 'timeouts: { request: 300ms }'),
      second(trafficPolicy('pair', 'timeouts: { request: 20s }')),
    ],
    steps: [
      status(trafficPolicy('pair', '{}'), 'Accepted: True Accepted'),
      status(second(trafficPolicy('pair', '{}')), 'Accepted: False Conflicted', /pair/),
      send(get('http://pair/', { behave: { delayMs: 3000 } }), { status: 504 }),
    ],
  },
  {
    name: 'a policy with a nonsensical value is refused in words that say what is allowed',
    steps: [
      refused(trafficPolicy('v1', 'retries: { attempts: 99 }'), /attempts/),
      refused(trafficPolicy('v1', 'timeouts: { request: soon }'), /request/),
      refused(trafficPolicy('v1', 'timeouts: { request: 1s, perTry: 2s }'), /perTry/),
      refused(trafficPolicy('v1', 'loadBalancer: { type: RingHash }'), /hash/),
    ],
  },
];
