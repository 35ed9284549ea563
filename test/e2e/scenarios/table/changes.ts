import { httpRoute, type Manifest, service, trafficPolicy } from '../manifests.ts';
import type { Scenario } from '../scenario.ts';
import { changes, get, post, underLoad, webSocket } from '../steps.ts';

function split(name: string, percent: number): Manifest {
  return httpRoute(
    name,
    `
    - backendRefs:
        - { name: v1, port: 80, weight: ${percent} }
        - { name: v2, port: 80, weight: ${100 - percent} }`,
  );
}

/** What is changed while it is used. */
export const CHANGES: readonly Scenario[] = [
  {
    name: 'at 500 requests a second weights change twenty times, and no request is lost',
    apply: [service('busy'), split('busy', 50)],
    steps: [
      underLoad(
        get('http://busy/'),
        500,
        [changes(20, (n) => [split('busy', n % 2 === 0 ? 10 : 90)])],
        { '200 v1': { atLeast: 100 }, '200 v2': { atLeast: 100 } },
      ),
    ],
  },
  {
    name: 'uploads go on while routes and policies come and go',
    apply: [service('uploads')],
    steps: [
      underLoad(
        post('http://uploads/', { body: 'x'.repeat(20_000) }),
        50,
        [
          changes(10, (n) => [
            split('uploads', (n * 10) % 100),
            trafficPolicy('uploads', `timeouts: { request: ${10 + n}s }`),
          ]),
        ],
        { '200 v1': { atLeast: 1 }, '200 v2': { atLeast: 1 }, '200 v3': { atLeast: 0 } },
      ),
    ],
  },
  {
    name: 'a WebSocket lives through a hundred changes of its route, and requests beside it too',
    apply: [service('socket'), split('socket', 100)],
    steps: [
      webSocket('ws://socket/', [
        underLoad(get('http://socket/'), 50, [changes(100, (n) => [split('socket', n % 100)])], {
          '200 v1': { atLeast: 10 },
          '200 v2': { atLeast: 10 },
        }),
      ]),
    ],
  },
];
