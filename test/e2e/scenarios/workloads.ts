import { EGRESS, EGRESS_LABEL } from '../../../proto/well-known.ts';
import { TestAuthority } from '../../fakes/certificates.ts';
import {
  CONSUMER_NAMESPACE,
  type Manifest,
  NAMESPACE,
  OUTSIDE,
  PORT,
  RESTRICTED_NAMESPACE,
  service,
} from './manifests.ts';
import type { Client } from './scenario.ts';

/** Versions of the application; each has one pod and a Service of its own. */
export const VERSIONS = ['v1', 'v2', 'v3'] as const;

/** Of the pods with these names; the others are in none. By label, since there may be but one node. */
const ZONES: Readonly<Record<string, string>> = {
  ...{ client: 'north', v1: 'north' },
  ...{ v2: 'south', v3: 'south' },
};

/** Where the clients run. `restricted` may call registered hosts alone, `outsider` has no sidecar. */
export const CLIENTS: Readonly<Record<Client, { readonly namespace: string }>> = {
  client: { namespace: NAMESPACE },
  consumer: { namespace: CONSUMER_NAMESPACE },
  restricted: { namespace: RESTRICTED_NAMESPACE },
  outsider: { namespace: OUTSIDE.namespace },
};

/** The Service whose route tells which configuration a sidecar has. */
export const MARKER = 'marker';

const authority = new TestAuthority();
/** Whom to trust (PEM) for the TLS of the applications. */
export const AUTHORITY = authority.root;
/** The one name for which all of them have a certificate. */
export const TLS_NAME = 'secure.example';
const { key, certificate } = authority.issueServer(TLS_NAME);

/** Namespaces, with the labels that decide about sidecars. */
export function namespaces(injectLabel: Readonly<Record<string, string>>): object[] {
  const labels: Readonly<Record<string, object>> = {
    [NAMESPACE]: injectLabel,
    [CONSUMER_NAMESPACE]: injectLabel,
    [RESTRICTED_NAMESPACE]: { ...injectLabel, [EGRESS_LABEL]: EGRESS.registeredOnly },
    [OUTSIDE.namespace]: {},
  };
  return Object.entries(labels).map(([name, own]) => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels: own },
  }));
}

/** Everything that all scenarios share. @param image with Node and the programs in `/programs` */
export function sharedManifests(image: string): Manifest[] {
  return [
    ...VERSIONS.flatMap((version) => [
      ...deployment(image, version, NAMESPACE, {
        labels: { app: 'echo', version },
        ...application(version),
        partialPort: version === 'v3' ? 8099 : 8080,
      }),
      service(version, { app: 'echo', version }),
      controlService(version),
    ]),
    service(MARKER),
    ...deployment(image, OUTSIDE.name, OUTSIDE.namespace, {
      labels: { app: OUTSIDE.name },
      ...application(OUTSIDE.name),
    }),
    outsideService(),
    ...Object.entries(CLIENTS).flatMap(([name, { namespace }]) =>
      deployment(image, name, namespace, {
        labels: { app: name },
        program: '/programs/idle.mjs',
        env: {},
      }),
    ),
  ];
}

/** The Service by which the harness asks one version what it has seen; no policy concerns it. */
export function controlServiceName(version: string): string {
  return `seen-by-${version}`;
}

function application(version: string): Pick<Workload, 'program' | 'env' | 'port'> {
  return {
    program: '/programs/application.mjs',
    env: { VERSION: version, TLS_KEY: key, TLS_CERTIFICATE: certificate },
    port: 8080,
  };
}

/** Headless: its name is known to DNS as that of any other host. */
function outsideService(): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...OUTSIDE },
    spec: {
      clusterIP: 'None',
      selector: { app: OUTSIDE.name },
      ports: [{ name: 'http', port: 8080 }],
    },
  };
}

function controlService(version: string): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: controlServiceName(version), namespace: NAMESPACE },
    spec: {
      selector: { app: 'echo', version },
      ports: [{ name: 'http', port: PORT.http, targetPort: 8090 }],
    },
  };
}

interface Workload {
  readonly labels: Readonly<Record<string, string>>;
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
  readonly port?: number;
  /** By the name `partial`: in one of the pods nobody listens there. */
  readonly partialPort?: number;
}

function deployment(
  image: string,
  name: string,
  namespace: string,
  { labels, program, env, port, partialPort = port }: Workload,
): Manifest[] {
  const serving = {
    ports: [
      { name: 'main', containerPort: port },
      { name: 'partial', containerPort: partialPort },
    ],
    // Patient: what a small machine is too busy for is no event of a scenario.
    readinessProbe: {
      tcpSocket: { port },
      periodSeconds: 1,
      timeoutSeconds: 5,
      failureThreshold: 10,
    },
  };
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels: { ...labels, ...zoneLabel(name) } },
          spec: {
            serviceAccountName: name,
            terminationGracePeriodSeconds: 2,
            containers: [
              {
                name: 'app',
                image,
                imagePullPolicy: 'IfNotPresent',
                command: ['node', program],
                env: Object.entries(env).map(([key, value]) => ({ name: key, value })),
                ...(port === undefined ? {} : serving),
              },
            ],
          },
        },
      },
    },
  ];
}

function zoneLabel(name: string): Readonly<Record<string, string>> {
  const zone = ZONES[name];
  return zone === undefined ? {} : { 'topology.kubernetes.io/zone': zone };
}
