import { reference, workloadImage } from './images.ts';
import type { Manifest } from './kubectl.ts';

export interface WorkloadOptions {
  command: readonly string[];
  /** Container port, which is the service's port too unless `servicePort` says otherwise. */
  port?: number;
  servicePort?: number;
  /** Name of the service's port; decides the protocol where it says one. */
  portName?: string;
  headless?: boolean;
  replicas?: number;
  env?: Readonly<Record<string, string>>;
  podLabels?: Readonly<Record<string, string>>;
  podAnnotations?: Readonly<Record<string, string>>;
  /** The path of an HTTP readiness probe; by default the port is only opened. */
  readyPath?: string;
  terminationGracePeriodSeconds?: number;
  /** Laid over the pod's spec. */
  podSpec?: Readonly<Record<string, unknown>>;
}

/** A ServiceAccount, a Deployment and, with a port, a Service, all of one name. */
export async function workload(
  namespace: string,
  name: string,
  options: WorkloadOptions,
): Promise<Manifest[]> {
  const { port, servicePort = port } = options;
  const objects: Manifest[] = [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace, labels: { app: name } },
      spec: {
        replicas: options.replicas ?? 1,
        selector: { matchLabels: { app: name } },
        strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
        template: {
          metadata: {
            labels: { app: name, ...options.podLabels },
            annotations: { ...options.podAnnotations },
          },
          spec: await podSpec(name, options),
        },
      },
    },
  ];
  if (port !== undefined && servicePort !== undefined) {
    objects.push(
      service(namespace, name, {
        port: servicePort,
        targetPort: port,
        ...(options.portName === undefined ? {} : { portName: options.portName }),
        headless: options.headless ?? false,
      }),
    );
  }
  return objects;
}

export function service(
  namespace: string,
  name: string,
  options: {
    port: number;
    targetPort: number;
    portName?: string;
    headless?: boolean;
    selector?: Record<string, string>;
  },
): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: {
      selector: options.selector ?? { app: name },
      ...(options.headless === true ? { clusterIP: 'None' } : {}),
      ports: [
        {
          port: options.port,
          targetPort: options.targetPort,
          ...(options.portName === undefined ? {} : { name: options.portName }),
        },
      ],
    },
  };
}

async function podSpec(name: string, options: WorkloadOptions): Promise<Record<string, unknown>> {
  const { port } = options;
  const probe =
    options.readyPath === undefined
      ? { tcpSocket: { port } }
      : { httpGet: { path: options.readyPath, port } };
  return {
    serviceAccountName: name,
    terminationGracePeriodSeconds: options.terminationGracePeriodSeconds ?? 5,
    containers: [
      {
        name: 'app',
        image: reference(await workloadImage()),
        imagePullPolicy: 'IfNotPresent',
        command: options.command,
        env: Object.entries(options.env ?? {}).map(([key, value]) => ({ name: key, value })),
        ...(port === undefined
          ? {}
          : {
              ports: [{ containerPort: port }],
              readinessProbe: { ...probe, periodSeconds: 1, failureThreshold: 2 },
            }),
      },
    ],
    ...options.podSpec,
  };
}

/** Programs of Debian as anybody runs them: nothing in them knows of a mesh. */
export const PROGRAM = {
  idle: { command: ['sh', '-c', 'trap "exit 0" TERM; sleep infinity & wait'] },
  echo: { command: ['python3', '/programs/echo.py', '8080'], port: 8080 },
  python: { command: ['python3', '-m', 'http.server', '8000', '-d', '/programs'], port: 8000 },
  nginx: { command: ['nginx', '-g', 'daemon off;'], port: 80 },
  redis: {
    command: ['redis-server', '--bind', '0.0.0.0', '--protected-mode', 'no', '--save', ''],
    port: 6379,
  },
  /** The server speaks first here. */
  mariadb: {
    command: [
      'sh',
      '-c',
      [
        'mkdir -p /run/mysqld && chown mysql /run/mysqld',
        'mariadb-install-db --user=mysql --skip-test-db >/dev/null',
        `echo "CREATE USER probe@'%' IDENTIFIED BY 'secret';" >/tmp/init.sql`,
        'exec mariadbd --user=mysql --bind-address=0.0.0.0 --init-file=/tmp/init.sql',
      ].join(' && '),
    ],
    port: 3306,
  },
} as const satisfies Record<string, WorkloadOptions>;
