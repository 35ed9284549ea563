import {
  CONSUMER_NAMESPACE,
  type Manifest,
  PORT,
  service,
  tcpRoute,
  tlsRoute,
} from '../manifests.ts';
import type { Scenario } from '../scenario.ts';
import { change, get, metric, send, status } from '../steps.ts';

const toV1 = '[{ backendRefs: [{ name: v1, port: 84 }] }]';
const toV2 = '[{ backendRefs: [{ name: v2, port: 84 }] }]';

/** A request over TLS that the application itself ends; the server name is not the Service's. */
function secure(name: string, serverName: string) {
  return get(`https://${name}/`, { connection: 'new', headers: { host: serverName } });
}

function split(name: string, v1: number, v2: number): Manifest {
  return tcpRoute(
    name,
    `
    - backendRefs:
        - { name: v1, port: 84, weight: ${v1} }
        - { name: v2, port: 84, weight: ${v2} }`,
  );
}

const halfMissing = tcpRoute(
  'tcp-missing',
  `
  - backendRefs:
      - { name: v1, port: 84 }
      - { name: nowhere, port: 84 }`,
);

/** Connections as a whole: TCPRoute and TLSRoute. */
export const CONNECTIONS: readonly Scenario[] = [
  {
    name: 'a TCPRoute shares connections out by weight, and a connection stays where it is',
    apply: [service('tcp-split'), split('tcp-split', 75, 25)],
    steps: [
      send(
        get(`http://tcp-split:${PORT.tcp}/`, { connection: 'new' }),
        { shares: { v1: 75, v2: 25 } },
        { count: 200, atOnce: 8 },
      ),
      send(get(`http://tcp-split:${PORT.tcp}/`), { pods: 1 }, { count: 20 }),
    ],
  },
  {
    name: 'a TCPRoute that changes leaves open connections alone, and new ones follow it',
    apply: [service('tcp-shift'), tcpRoute('tcp-shift', toV1)],
    steps: [
      send(get(`http://tcp-shift:${PORT.tcp}/`), { from: 'v1' }, { count: 3 }),
      change(tcpRoute('tcp-shift', toV2)),
      send(
        get(`http://tcp-shift:${PORT.tcp}/`, { connection: 'new' }),
        { from: 'v2' },
        { count: 10 },
      ),
      send(get(`http://tcp-shift:${PORT.tcp}/`), { from: 'v1' }, { count: 3 }),
    ],
  },
  {
    name: 'connections whose share falls to a backend that does not exist are closed, counted and told',
    apply: [service('tcp-missing'), halfMissing],
    steps: [
      send(
        get(`http://tcp-missing:${PORT.tcp}/`, { connection: 'new' }),
        { statuses: { 0: { atLeast: 25, atMost: 75 }, 200: { atLeast: 25, atMost: 75 } } },
        { count: 100, atOnce: 4 },
      ),
      status(halfMissing, 'ResolvedRefs: False BackendNotFound', /nowhere/),
      metric(
        'client',
        'remora_refusals_total',
        { destination: 'scenarios/tcp-missing', reason: 'invalid-backend' },
        { atLeast: 25 },
      ),
    ],
  },
  {
    name: 'a TCPRoute of a consumer is in force in its namespace, and for nobody else',
    apply: [
      service('tcp-consumed'),
      tcpRoute('tcp-consumed', toV1),
      tcpRoute(
        'tcp-consumed',
        '[{ backendRefs: [{ name: tcp-consumed, namespace: scenarios, port: 84 }] }]',
        { namespace: CONSUMER_NAMESPACE },
      ),
    ],
    steps: [
      send(
        get(`http://tcp-consumed.scenarios:${PORT.tcp}/`, { connection: 'new' }),
        { pods: 3 },
        { from: 'consumer', count: 40 },
      ),
      send(
        get(`http://tcp-consumed.scenarios:${PORT.tcp}/`, { connection: 'new' }),
        { from: 'v1' },
        { count: 10 },
      ),
    ],
  },
  {
    name: 'a TLSRoute leads by the server name, of which the more specific counts',
    apply: [
      service('tls-names'),
      tlsRoute(
        'tls-names',
        ['one.example', '*.deep.one.example'],
        '[{ backendRefs: [{ name: v1, port: 443 }] }]',
      ),
      tlsRoute('tls-names', ['*.one.example'], '[{ backendRefs: [{ name: v2, port: 443 }] }]', {
        name: 'tls-names-below',
      }),
      tlsRoute('tls-names', ['a.one.example'], '[{ backendRefs: [{ name: v3, port: 443 }] }]', {
        name: 'tls-names-exact',
      }),
    ],
    steps: [
      send(secure('tls-names', 'one.example'), { from: 'v1' }, { count: 5 }),
      send(secure('tls-names', 'b.one.example'), { from: 'v2' }, { count: 5 }),
      send(secure('tls-names', 'c.b.one.example'), { from: 'v2' }, { count: 5 }),
      send(secure('tls-names', 'a.one.example'), { from: 'v3' }, { count: 5 }),
      send(secure('tls-names', 'x.deep.one.example'), { from: 'v1' }, { count: 5 }),
    ],
  },
  {
    name: 'a connection that no TLSRoute takes is closed: another server name, or no TLS',
    apply: [
      service('tls-closed'),
      tlsRoute('tls-closed', ['one.example'], '[{ backendRefs: [{ name: v1, port: 443 }] }]'),
    ],
    steps: [
      send(secure('tls-closed', 'other.example'), { status: 0 }, { count: 3 }),
      send(secure('tls-closed', 'below.one.example'), { status: 0 }),
      send(get(`http://tls-closed:${PORT.tls}/`, { connection: 'new' }), { status: 0 }),
      send(secure('tls-closed', 'one.example'), { from: 'v1' }),
      metric(
        'client',
        'remora_refusals_total',
        { destination: 'scenarios/tls-closed', reason: 'no-route' },
        { atLeast: 5 },
      ),
    ],
  },
  {
    name: 'a TLSRoute shares connections out by weight',
    apply: [
      service('tls-split'),
      tlsRoute(
        'tls-split',
        ['one.example'],
        `
        - backendRefs:
            - { name: v1, port: 443, weight: 1 }
            - { name: v3, port: 443, weight: 1 }`,
      ),
    ],
    steps: [
      send(
        secure('tls-split', 'one.example'),
        { shares: { v1: 50, v3: 50 } },
        { count: 100, atOnce: 4 },
      ),
    ],
  },
];
