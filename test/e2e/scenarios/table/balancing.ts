import { type Manifest, service, trafficPolicy } from '../manifests.ts';
import type { Scenario } from '../scenario.ts';
import { change, eventually, explained, get, send } from '../steps.ts';

/** @param window how long the share of a pod that is back grows */
function warming(window: string): Manifest {
  return trafficPolicy(
    'warming',
    `
    loadBalancer: { type: RoundRobin, slowStart: { window: ${window}, minPercent: 5 } }
    circuitBreaker: { consecutiveErrors: 2, ejectionTime: 1s, maxEjectedPercent: 50 }`,
  );
}

/** Which pod takes a request. */
export const BALANCING: readonly Scenario[] = [
  {
    name: 'round robin gives every pod the same',
    apply: [service('round'), trafficPolicy('round', 'loadBalancer: { type: RoundRobin }')],
    steps: [send(get('http://round/'), { counts: { v1: 10, v2: 10, v3: 10 } }, { count: 30 })],
  },
  {
    name: 'least request avoids the pod that has much under way',
    apply: [service('least'), trafficPolicy('least', 'loadBalancer: { type: LeastRequest }')],
    steps: [
      // With blind choice each would get a third of these: the slow one would hold up them all.
      send(
        get('http://least/', { behave: { on: ['v3'], delayMs: 600 } }),
        { counts: { v1: { atLeast: 60 }, v2: { atLeast: 60 }, v3: { atMost: 50 } } },
        { count: 240, atOnce: 12, everyMs: 5 },
      ),
    ],
  },
  {
    name: 'a pod that is back gets less than its share at first, and all of it in the end',
    apply: [service('warming'), warming('10m')],
    steps: [
      send(
        get('http://warming/', { behave: { on: ['v3'], status: 503 } }),
        { statuses: { 503: { atLeast: 2 }, 200: { atLeast: 1 } } },
        { count: 12 },
      ),
      // Its trial, by which it is back.
      eventually(get('http://warming/'), { pods: 3 }, { count: 12 }),
      send(
        get('http://warming/'),
        { counts: { v1: { atLeast: 45 }, v2: { atLeast: 45 }, v3: { atMost: 20 } } },
        { count: 120 },
      ),
      explained(get('http://warming/'), /^goes to one of 3 usable/, { says: [/"share": 0\.\d/] }),
      change(warming('1s')),
      eventually(
        get('http://warming/'),
        { counts: { v1: { atLeast: 35 }, v2: { atLeast: 35 }, v3: { atLeast: 35 } } },
        { count: 120 },
      ),
    ],
  },
  {
    name: "requests stay in their caller's zone, leave it while that has too few pods, and come back",
    apply: [
      service('zoned'),
      trafficPolicy(
        'zoned',
        `
        loadBalancer: { type: RoundRobin, locality: {} }
        circuitBreaker: { consecutiveErrors: 2, ejectionTime: 5s, maxEjectedPercent: 50 }`,
      ),
    ],
    steps: [
      send(get('http://zoned/'), { from: 'v1' }, { count: 30 }),
      // Of no zone.
      send(get('http://zoned.scenarios/'), { pods: 3 }, { count: 30, from: 'consumer' }),
      explained(get('http://zoned/'), /^goes to one of 3 usable/, {
        says: [/"zone": "north",\s+"preferred": true/, /"zone": "south",\s+"preferred": false/],
      }),
      send(
        get('http://zoned/', { behave: { on: ['v1'], status: 503 } }),
        { statuses: { 503: { atLeast: 2, atMost: 4 }, 200: { atLeast: 8 } } },
        { count: 12 },
      ),
      eventually(get('http://zoned/'), { from: 'v1' }, { count: 10 }),
    ],
  },
  {
    name: 'equal values of a header go to one pod, different ones to all',
    apply: [
      service('by-header'),
      trafficPolicy('by-header', 'loadBalancer: { type: RingHash, hash: { header: x-user } }'),
    ],
    steps: [
      send(get('http://by-header/', { headers: { 'x-user': 'ada' } }), { pods: 1 }, { count: 30 }),
      send(
        get('http://by-header/', { headers: { 'x-user': 'user-{n}' } }),
        { pods: 3 },
        { count: 90 },
      ),
    ],
  },
  {
    name: 'a cookie keeps its client with one pod, and is set where it is missing',
    apply: [
      service('by-cookie'),
      trafficPolicy(
        'by-cookie',
        'loadBalancer: { type: RingHash, hash: { cookie: { name: session, ttl: 1h } } }',
      ),
    ],
    steps: [
      send(get('http://by-cookie/'), { headers: { 'set-cookie': /^session=.+Max-Age=3600/i } }),
      send(
        get('http://by-cookie/', { headers: { cookie: 'a=b; session=one' } }),
        { pods: 1, headers: { 'set-cookie': null } },
        { count: 30 },
      ),
      send(
        get('http://by-cookie/', { headers: { cookie: 'session=s-{n}' } }),
        { pods: 3 },
        { count: 90 },
      ),
    ],
  },
  {
    name: 'all that one pod sends goes to one pod where its place decides',
    apply: [
      service('by-source'),
      trafficPolicy('by-source', 'loadBalancer: { type: RingHash, hash: { source: Pod } }'),
    ],
    steps: [send(get('http://by-source/'), { pods: 1 }, { count: 40 })],
  },
];
