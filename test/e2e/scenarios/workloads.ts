import { CONSUMER_NAMESPACE, type Manifest, NAMESPACE, PORT, service } from './manifests.ts';
import type { Client } from './scenario.ts';

/** Versions of the application; each has one pod and a Service of its own. */
export const VERSIONS = ['v1', 'v2', 'v3'] as const;

/** Of the pods with these names; the others are in none. By label, since there may be but one node. */
const ZONES: Readonly<Record<string, string>> = {
  ...{ client: 'north', v1: 'north' },
  ...{ v2: 'south', v3: 'south' },
};

/** Where the clients run. */
export const CLIENTS: Readonly<Record<Client, { readonly namespace: string }>> = {
  client: { namespace: NAMESPACE },
  consumer: { namespace: CONSUMER_NAMESPACE },
  outsider: { namespace: 'scenarios-outside' },
};

/** The Service whose route tells which configuration a sidecar has. */
export const MARKER = 'marker';

/** Namespaces, with the labels that decide about sidecars. */
export function namespaces(injectLabel: Readonly<Record<string, string>>): object[] {
  const labels: Readonly<Record<string, object>> = {
    [NAMESPACE]: injectLabel,
    [CONSUMER_NAMESPACE]: injectLabel,
    [CLIENTS.outsider.namespace]: {},
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
        program: '/programs/application.mjs',
        env: { VERSION: version },
        port: 8080,
        partialPort: version === 'v3' ? 8099 : 8080,
      }),
      service(version, { app: 'echo', version }),
      controlService(version),
    ]),
    service(MARKER),
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

function deployment(
  image: string,
  name: string,
  namespace: string,
  options: {
    labels: Readonly<Record<string, string>>;
    program: string;
    env: Readonly<Record<string, string>>;
    port?: number;
    /** By the name `partial`: in one of the pods nobody listens there. */
    partialPort?: number;
  },
): Manifest[] {
  const { labels, program, env, port, partialPort } = options;
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
