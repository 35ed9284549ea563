import { grpcRoute, httpRoute, type Manifest, PORT, service, trafficPolicy } from '../manifests.ts';
import type { Scenario } from '../scenario.ts';
import { call, change, clients, get, send } from '../steps.ts';

const CART = '{ type: Cookie, cookie: { name: cart } }';
const MOVED = get('http://session-moved/', { session: clients('moved', 1) });
const VERSION = { v1: { app: 'echo', version: 'v1' }, v2: { app: 'echo', version: 'v2' } };

/** A route to a Service that keeps sessions. */
function keeping(name: string, backend: string, persistence: string): Manifest {
  return httpRoute(
    name,
    `
    - backendRefs: [{ name: ${backend}, port: 80 }]
      sessionPersistence: ${persistence}`,
  );
}

/** `sessionPersistence`: who was answered by a pod stays with it. */
export const SESSIONS: readonly Scenario[] = [
  {
    name: 'a session by cookie keeps each client with the pod that answered it first, whichever that is',
    apply: [service('shop'), keeping('shop', 'shop', CART)],
    steps: [
      send(get('http://shop/'), {
        headers: { 'set-cookie': /^cart=[\w-]+; Path=\/; HttpOnly; SameSite=Lax$/ },
      }),
      send(
        get('http://shop/', { session: clients('shop', 40) }),
        { pods: 3, podsOfEach: 1 },
        { count: 120 },
      ),
      // They know it by now.
      send(
        get('http://shop/', { session: clients('shop', 40) }),
        { pods: 3, podsOfEach: 1, headers: { 'set-cookie': null } },
        { count: 80, atOnce: 8 },
      ),
    ],
  },
  {
    name: 'a session by header is told in the response, and holds for who shows it',
    apply: [
      service('by-name-of-session'),
      keeping(
        'by-name-of-session',
        'by-name-of-session',
        '{ type: Header, header: { name: x-session } }',
      ),
    ],
    steps: [
      send(get('http://by-name-of-session/'), {
        headers: { 'x-session': /^[\w-]+$/, 'set-cookie': null },
      }),
      send(
        get('http://by-name-of-session/', { session: clients('by-header', 40, 'x-session') }),
        { pods: 3, podsOfEach: 1 },
        { count: 120 },
      ),
      // Who shows nothing is nobody's.
      send(get('http://by-name-of-session/'), { pods: 3 }, { count: 40 }),
    ],
  },
  {
    name: 'calls of gRPC have sessions, too',
    apply: [
      service('session-calls'),
      grpcRoute(
        'session-calls',
        `
        - backendRefs: [{ name: session-calls, port: 81 }]
          sessionPersistence: { type: Header, header: { name: x-session } }`,
      ),
    ],
    steps: [
      send(
        call(`http://session-calls:${PORT.http2}/a.B/C`, {
          session: clients('calls', 40, 'x-session'),
        }),
        { grpcStatus: 0, pods: 3, podsOfEach: 1 },
        { count: 80 },
      ),
    ],
  },
  {
    name: 'a session that somebody made up leads nowhere, and is told anew',
    apply: [service('made-up'), keeping('made-up', 'made-up', CART)],
    steps: [
      send(
        get('http://made-up/', { headers: { cookie: 'cart=10.0.0.1:8080' } }),
        { pods: 3, headers: { 'set-cookie': /^cart=[\w-]+;/ } },
        { count: 40 },
      ),
    ],
  },
  {
    name: 'when the backend of a session gets no requests any more, the client has a new one elsewhere',
    apply: [
      service('session-moved'),
      service('session-from', VERSION.v1),
      service('session-to', VERSION.v2),
      keeping('session-moved', 'session-from', CART),
    ],
    steps: [
      send(MOVED, { from: 'v1', headers: { 'set-cookie': /^cart=/ } }),
      send(MOVED, { from: 'v1', headers: { 'set-cookie': null } }, { count: 5 }),
      change(keeping('session-moved', 'session-to', CART)),
      send(MOVED, { from: 'v2', headers: { 'set-cookie': /^cart=/ } }),
      send(MOVED, { from: 'v2', headers: { 'set-cookie': null } }, { count: 5 }),
    ],
  },
  {
    name: 'when the pod of a session is taken out, another takes over and the others keep theirs',
    apply: [
      service('takeover'),
      keeping('takeover', 'takeover', CART),
      trafficPolicy(
        'takeover',
        'circuitBreaker: { consecutiveErrors: 2, ejectionTime: 60s, maxEjectedPercent: 50 }',
      ),
    ],
    steps: [
      send(
        get('http://takeover/', { session: clients('takeover', 40) }),
        { pods: 3, podsOfEach: 1 },
        { count: 80 },
      ),
      send(
        get('http://takeover/', { behave: { on: ['v2'], status: 503 } }),
        { statuses: { 200: { atLeast: 30 }, 503: { atLeast: 2, atMost: 4 } } },
        { count: 40 },
      ),
      send(
        get('http://takeover/', { session: clients('takeover', 40) }),
        { counts: { v1: { atLeast: 1 }, v3: { atLeast: 1 } }, podsOfEach: 1 },
        { count: 120 },
      ),
    ],
  },
  {
    name: 'weights come before sessions: a client has one session with each backend',
    apply: [
      service('both'),
      service('both-a'),
      service('both-b'),
      httpRoute(
        'both',
        `
        - backendRefs: [{ name: both-a, port: 80 }, { name: both-b, port: 80 }]
          sessionPersistence: { type: Cookie, cookie: {} }`,
      ),
    ],
    steps: [
      send(
        get('http://both/', { session: clients('both', 24) }),
        { pods: 3, podsOfEach: { atMost: 2 } },
        { count: 240 },
      ),
    ],
  },
  {
    name: 'a session ends when its time is over, and a permanent cookie says when that is',
    apply: [
      service('lifetime'),
      keeping(
        'lifetime',
        'lifetime',
        '{ type: Cookie, cookie: { name: cart, lifetimeType: Permanent }, absoluteTimeout: 1s }',
      ),
    ],
    steps: [
      send(
        get('http://lifetime/', { session: clients('lifetime', 1) }),
        { headers: { 'set-cookie': /^cart=[\w.-]+; Path=\/; HttpOnly; SameSite=Lax; Max-Age=1$/ } },
        { count: 2, everyMs: 2000 },
      ),
      change(
        keeping(
          'lifetime',
          'lifetime',
          '{ type: Cookie, cookie: { name: cart }, absoluteTimeout: 1h }',
        ),
      ),
      send(get('http://lifetime/', { session: clients('lifetime-long', 1) }), {
        headers: { 'set-cookie': /^cart=/ },
      }),
      send(
        get('http://lifetime/', { session: clients('lifetime-long', 1) }),
        { podsOfEach: 1, headers: { 'set-cookie': null } },
        { count: 2, everyMs: 1100 },
      ),
    ],
  },
];
