import {
  externalService,
  NAMESPACE,
  OUTSIDE,
  service,
  trafficPolicyOnExternal,
} from '../manifests.ts';
import type { Request, Scenario, Step } from '../scenario.ts';
import { call, change, eventually, get, metric, refused, remove, send, status } from '../steps.ts';
import { AUTHORITY, TLS_NAME } from '../workloads.ts';

/** Nobody has this address (TEST-NET-1): who is meant is told by the host alone. */
const NOWHERE = '192.0.2.1';
/** Where the registered hosts really are. */
const ENDPOINTS = `endpoints: [${OUTSIDE.name}.${OUTSIDE.namespace}.svc.cluster.local]`;

const from = 'restricted';
const closed = { status: 0 };
const answered = { from: OUTSIDE.name };

/** A request for a host, to an address that is not its own. */
function outside(host: string, options: Parameters<typeof get>[1] = {}): Request {
  return get(`http://${NOWHERE}/`, { ...options, headers: { host } });
}

/** The same by TLS that the application speaks itself. */
function outsideByTls(host: string): Request {
  return get(`https://${NOWHERE}/`, { connection: 'new', headers: { host } });
}

function refusals(destination: string, atLeast: number): Step {
  const labels = { destination, reason: 'egress-refused' };
  return metric(from, 'remora_refusals_total', labels, { atLeast });
}

const plain = externalService(
  'plain',
  `{ hosts: [plain.example], ports: [{ port: 80, protocol: HTTP, targetPort: 8080 }], ${ENDPOINTS} }`,
);

const elsewhere = { ...plain, metadata: { ...plain.metadata, namespace: NAMESPACE } };
const orphan = trafficPolicyOnExternal('nobody', 'timeouts: { request: 1s }');

/** What pods may call outside of the mesh, of a namespace that allows what is registered alone. */
export const EGRESS: readonly Scenario[] = [
  {
    name: 'where only registered hosts may be called, Services and pods are reached all the same',
    apply: [
      service('inside'),
      service('inside-headless', { app: 'echo', version: 'v3' }, { clusterIP: 'None' }),
    ],
    steps: [
      send(get('http://inside.scenarios/'), { pods: 3 }, { from, count: 40 }),
      send(get('http://inside-headless.scenarios:8080/'), { from: 'v3' }, { from }),
      // A pod without a sidecar, by its own address.
      eventually(get(`http://${OUTSIDE.name}.${OUTSIDE.namespace}:8080/`), answered, { from }),
    ],
  },
  {
    name: 'a host that is not registered is refused with 403, and counted by its name',
    steps: [
      send(outside('stranger.example'), { status: 403, error: 'egress-refused' }, { from }),
      send(get(`http://${NOWHERE}/`), { status: 403, error: 'egress-refused' }, { from }),
      send(call(`http://${NOWHERE}/a.B/C`), { grpcStatus: 7, error: 'egress-refused' }, { from }),
      send(outsideByTls('stranger.example'), closed, { from }),
      refusals('stranger.example:80', 1),
      refusals(`${NOWHERE}:80`, 2),
      refusals('stranger.example:443', 1),
    ],
  },
  {
    name: 'a host that is registered is reached, and refused again when it goes',
    steps: [
      send(outside('plain.example'), { status: 403, error: 'egress-refused' }, { from }),
      change(plain),
      status(plain, 'Accepted: True Accepted'),
      send(
        outside('plain.example'),
        { ...answered, received: { host: 'plain.example' } },
        { from, count: 10 },
      ),
      // Its own neighbour is not.
      send(outside('other.plain.example'), { status: 403 }, { from }),
      remove(plain),
      send(outside('plain.example'), { status: 403, error: 'egress-refused' }, { from }),
    ],
  },
  {
    name: 'a host is registered for the namespace of its ExternalService, and for no other',
    apply: [elsewhere],
    steps: [
      eventually(outside('plain.example'), answered),
      send(outside('plain.example'), { status: 403, error: 'egress-refused' }, { from }),
    ],
  },
  {
    name: 'calls of gRPC go out to a registered host',
    apply: [
      externalService(
        'calls',
        `{ hosts: [calls.example], ports: [{ port: 80, protocol: HTTP, targetPort: 8081 }], ${ENDPOINTS} }`,
      ),
    ],
    steps: [
      eventually(
        call(`http://${NOWHERE}/a.B/C`, { headers: { ':authority': 'calls.example' }, body: 'x' }),
        { ...answered, grpcStatus: 0, received: { host: 'calls.example', body: 'x' } },
        { from },
      ),
    ],
  },
  {
    name: 'what cannot be a host outside is refused in words, and a policy says whose it is not there',
    apply: [orphan],
    steps: [
      status(orphan, 'Accepted: False TargetNotFound', /nobody/),
      refused(
        externalService('wrong', '{ hosts: [1.2.3.4], ports: [{ port: 80, protocol: HTTP }] }'),
        /a host is a name|hosts\[0\]/,
      ),
      refused(
        externalService(
          'wrong',
          "{ hosts: ['*.a.example'], ports: [{ port: 80, protocol: TCP }] }",
        ),
        /has not without endpoints/,
      ),
    ],
  },
  {
    name: 'a host with *. stands for all hosts below it, and not for itself',
    apply: [
      externalService(
        'below',
        `{ hosts: ['*.below.example'], ports: [{ port: 80, protocol: HTTP, targetPort: 8080 }], ${ENDPOINTS} }`,
      ),
    ],
    steps: [
      eventually(outside('a.below.example'), answered, { from }),
      send(outside('b.a.below.example'), answered, { from }),
      send(outside('below.example'), { status: 403 }, { from }),
    ],
  },
  {
    name: 'TLS of the application is let out by its server name, and closed with any other',
    apply: [
      externalService(
        'by-sni',
        `{ hosts: [sni.example], ports: [{ port: 443, protocol: TLS, targetPort: 8443 }], ${ENDPOINTS} }`,
      ),
    ],
    steps: [
      eventually(outsideByTls('sni.example'), answered, { from }),
      send(outsideByTls('other.sni.example'), closed, { from }),
      refusals('other.sni.example:443', 1),
      // The port is registered for TLS, and this is none.
      send(get(`http://${NOWHERE}:443/`, { connection: 'new' }), { status: 403 }, { from }),
    ],
  },
  {
    name: 'a sidecar speaks TLS on behalf of its application, and trusts nobody who is not vouched for',
    apply: [
      externalService(
        'vouched',
        JSON.stringify({
          hosts: ['vouched.example'],
          ports: [
            {
              ...{ port: 80, protocol: 'HTTP', targetPort: 8443 },
              tls: { serverName: TLS_NAME, caCertificates: AUTHORITY },
            },
            {
              ...{ port: 81, protocol: 'HTTP', targetPort: 8443 },
              tls: { serverName: 'somebody.example', caCertificates: AUTHORITY },
            },
            { ...{ port: 82, protocol: 'HTTP', targetPort: 8443 }, tls: { serverName: TLS_NAME } },
          ],
          endpoints: [`${OUTSIDE.name}.${OUTSIDE.namespace}.svc.cluster.local`],
        }),
      ),
    ],
    steps: [
      eventually(outside('vouched.example'), answered, { from }),
      ...[81, 82].map((port) =>
        send(
          get(`http://${NOWHERE}:${port}/`, { headers: { host: `vouched.example:${port}` } }),
          { status: 503, error: 'tls-failed' },
          { from },
        ),
      ),
    ],
  },
  {
    name: 'a policy on an ExternalService limits the time of its requests, and tries again',
    apply: [
      externalService(
        'slow',
        `{ hosts: [slow.example], ports: [{ port: 80, protocol: HTTP, targetPort: 8080 }], ${ENDPOINTS} }`,
      ),
      externalService(
        'flaky',
        `{ hosts: [flaky.example], ports: [{ port: 80, protocol: HTTP, targetPort: 8080 }], ${ENDPOINTS} }`,
      ),
      trafficPolicyOnExternal('slow', 'timeouts: { request: 300ms }'),
      trafficPolicyOnExternal(
        'flaky',
        'retries: { attempts: 2, statusCodes: [503], backoff: { base: 1ms, max: 5ms } }',
      ),
    ],
    steps: [
      eventually(outside('slow.example'), answered, { from }),
      eventually(outside('flaky.example'), answered, { from }),
      send(
        outside('slow.example', { behave: { delayMs: 5000 } }),
        { status: 504, error: 'request-timeout', atLeastMs: 290, atMostMs: 4500 },
        { from },
      ),
      send(
        outside('flaky.example', { behave: { key: 'flaky', first: 2, status: 503 } }),
        { ...answered, received: { count: 3 } },
        { from },
      ),
      send(
        outside('slow.example', { behave: { key: 'slow', first: 1, status: 503 } }),
        { status: 503 },
        { from },
      ),
    ],
  },
];
