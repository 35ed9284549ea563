import { service, trafficPolicy } from '../manifests.ts';
import type { Scenario } from '../scenario.ts';
import { get, send } from '../steps.ts';

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
