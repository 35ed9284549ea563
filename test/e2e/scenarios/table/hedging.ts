import {
  grpcRoute,
  type Manifest,
  service,
  trafficPolicy,
  trafficPolicyOnRoute,
} from '../manifests.ts';
import type { Scenario } from '../scenario.ts';
import { call, explained, get, post, seen, send } from '../steps.ts';
import { VERSIONS } from '../workloads.ts';

/** Twenty responses have to be known. */
const LEARN = { count: 40 };

function hedging(name: string, percent: number): Manifest {
  return trafficPolicy(
    name,
    `hedging: { percentile: 50, minDelay: 50ms, budget: { percent: ${percent} } }`,
  );
}

/** A second try beside the first. */
export const HEDGING: readonly Scenario[] = [
  {
    name: 'with one pod of three that is slow, no request waits for it: a second try answers first',
    apply: [service('hedged'), hedging('hedged', 80)],
    steps: [
      send(get('http://hedged/'), {}, LEARN),
      send(
        get('http://hedged/', { behave: { on: ['v3'], key: 'hedged', delayMs: 1500 } }),
        { counts: { v1: { atLeast: 10 }, v2: { atLeast: 10 } }, atMostMs: 1000 },
        { count: 60 },
      ),
      seen('v3', 'hedged', { atLeast: 5 }),
      seen(VERSIONS, 'hedged', { atLeast: 65, atMost: 140 }),
      explained(get('http://hedged/'), /^goes to one of 3 usable/, { says: [/"delayMs": \d/] }),
    ],
  },
  {
    name: 'the same over HTTP/2, whose slow streams are reset',
    apply: [service('hedged-streams'), hedging('hedged-streams', 80)],
    steps: [
      send(get('http://hedged-streams:81/', { protocol: 'http2' }), {}, LEARN),
      send(
        get('http://hedged-streams:81/', {
          protocol: 'http2',
          behave: { on: ['v3'], delayMs: 1500 },
        }),
        { counts: { v1: { atLeast: 10 }, v2: { atLeast: 10 } }, atMostMs: 1000 },
        { count: 60 },
      ),
    ],
  },
  {
    name: 'calls of gRPC are sent twice where the policy of their route names POST',
    apply: [
      service('hedged-calls'),
      grpcRoute('hedged-calls', '[{ backendRefs: [{ name: hedged-calls, port: 81 }] }]'),
      trafficPolicyOnRoute(
        'GRPCRoute',
        'hedged-calls',
        'hedging: { percentile: 50, minDelay: 50ms, methods: [POST], budget: { percent: 80 } }',
      ),
    ],
    steps: [
      send(call('http://hedged-calls:81/a.B/C'), { grpcStatus: 0 }, LEARN),
      send(
        call('http://hedged-calls:81/a.B/C', { behave: { on: ['v3'], delayMs: 1500 } }),
        {
          ...{ grpcStatus: 0, atMostMs: 1000 },
          counts: { v1: { atLeast: 10 }, v2: { atLeast: 10 } },
        },
        { count: 60 },
      ),
    ],
  },
  {
    name: 'where all pods are slow, second tries add no more to the load than their budget',
    apply: [service('hedged-least'), hedging('hedged-least', 20)],
    steps: [
      send(get('http://hedged-least/'), {}, LEARN),
      send(
        get('http://hedged-least/', { behave: { key: 'hedged-least', delayMs: 300 } }),
        {},
        { count: 100, atOnce: 10 },
      ),
      // A fifth of those hundred and of the forty before.
      seen(VERSIONS, 'hedged-least', { atLeast: 101, atMost: 128 }),
    ],
  },
  {
    name: 'a POST is not sent twice',
    apply: [service('hedged-once'), hedging('hedged-once', 100)],
    steps: [
      send(get('http://hedged-once/'), {}, LEARN),
      send(
        post('http://hedged-once/', { body: 'x', behave: { key: 'hedged-once', delayMs: 300 } }),
        {},
        { count: 20, atOnce: 10 },
      ),
      seen(VERSIONS, 'hedged-once', 20),
    ],
  },
];
