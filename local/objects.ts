import { z } from 'zod';

/**
 * What local mode reads of the Kubernetes objects that it runs. Everything else
 * in them is left as it is and handed on.
 */

const name = z
  .string()
  .max(253)
  .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, 'must be lower-case letters, digits, "-" and "."');
const texts = z.record(z.string(), z.string());
const portNumber = z.int().min(1).max(65535);
const portReference = z.union([portNumber, z.string().min(1)]);

const metadata = z.looseObject({
  name,
  namespace: name.optional(),
  labels: texts.optional(),
  annotations: texts.optional(),
});

const probe = z.looseObject({
  httpGet: z
    .looseObject({
      path: z.string().default('/'),
      port: portReference,
      scheme: z.string().optional(),
    })
    .optional(),
  tcpSocket: z.looseObject({ port: portReference }).optional(),
  exec: z.looseObject({ command: z.array(z.string()).min(1) }).optional(),
  initialDelaySeconds: z.number().min(0).optional(),
  periodSeconds: z.number().min(0.1).optional(),
  timeoutSeconds: z.number().min(0.1).optional(),
  successThreshold: z.int().min(1).optional(),
  failureThreshold: z.int().min(1).optional(),
});
export type Probe = z.infer<typeof probe>;

const keyReference = z.looseObject({
  name: z.string(),
  key: z.string(),
  optional: z.boolean().optional(),
});
const sourceReference = z.looseObject({ name: z.string(), optional: z.boolean().optional() });

const envVar = z.looseObject({
  name: z.string().min(1),
  value: z.string().optional(),
  valueFrom: z
    .looseObject({
      fieldRef: z.looseObject({ fieldPath: z.string() }).optional(),
      configMapKeyRef: keyReference.optional(),
      secretKeyRef: keyReference.optional(),
    })
    .optional(),
});
export type EnvVar = z.infer<typeof envVar>;

const container = z.looseObject({
  name,
  image: z.string().optional(),
  command: z.array(z.string()).optional(),
  args: z.array(z.string()).optional(),
  workingDir: z.string().optional(),
  env: z.array(envVar).optional(),
  envFrom: z
    .array(
      z.looseObject({
        prefix: z.string().optional(),
        configMapRef: sourceReference.optional(),
        secretRef: sourceReference.optional(),
      }),
    )
    .optional(),
  ports: z
    .array(
      z.looseObject({
        name: z.string().optional(),
        containerPort: portNumber,
        protocol: z.string().optional(),
      }),
    )
    .optional(),
  restartPolicy: z.string().optional(),
  startupProbe: probe.optional(),
  readinessProbe: probe.optional(),
  livenessProbe: probe.optional(),
});
export type Container = z.infer<typeof container>;

const podSpec = z.looseObject({
  initContainers: z.array(container).optional(),
  containers: z.array(container).min(1),
  restartPolicy: z.enum(['Always', 'OnFailure', 'Never']).optional(),
  serviceAccountName: name.optional(),
  hostname: name.optional(),
  subdomain: name.optional(),
  terminationGracePeriodSeconds: z.number().min(0).optional(),
});

const podTemplate = z.looseObject({ metadata: metadata.partial().optional(), spec: podSpec });
export type PodTemplate = z.infer<typeof podTemplate>;

const replicas = z.int().min(0).max(50).optional();

const replicated = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata,
  spec: z.looseObject({ replicas, serviceName: z.string().optional(), template: podTemplate }),
});

const job = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata,
  spec: z.looseObject({
    completions: z.int().min(1).max(50).optional(),
    parallelism: z.int().min(0).max(50).optional(),
    backoffLimit: z.int().min(0).optional(),
    template: podTemplate,
  }),
});

const pod = z.looseObject({ apiVersion: z.string(), kind: z.string(), metadata, spec: podSpec });
export type Pod = z.infer<typeof pod>;

const service = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata,
  spec: z.looseObject({
    type: z.string().optional(),
    clusterIP: z.string().optional(),
    selector: texts.optional(),
    publishNotReadyAddresses: z.boolean().optional(),
    externalName: z.string().optional(),
    ports: z
      .array(
        z.looseObject({
          name: z.string().optional(),
          port: portNumber,
          protocol: z.string().optional(),
          targetPort: portReference.optional(),
        }),
      )
      .optional(),
  }),
});
export type Service = z.infer<typeof service>;

const data = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata,
  data: texts.optional(),
  stringData: texts.optional(),
});
export type DataObject = z.infer<typeof data>;

/** Any object: what all of them have. */
export const anyObject = z.looseObject({
  apiVersion: z.string().min(1),
  kind: z.string().min(1),
  metadata,
});
export type AnyObject = z.infer<typeof anyObject>;

/** The kinds that local mode acts upon, each with its schema. */
export const schemas = {
  Namespace: anyObject,
  Service: service,
  Pod: pod,
  Deployment: replicated,
  StatefulSet: replicated,
  DaemonSet: replicated,
  Job: job,
  ConfigMap: data,
  Secret: data,
} as const;

export type Kind = keyof typeof schemas;
export type ObjectOf<K extends Kind> = z.infer<(typeof schemas)[K]>;

/** `shop/orders` */
export function nameOf(object: { metadata: { name: string; namespace?: string | undefined } }) {
  return `${object.metadata.namespace ?? 'default'}/${object.metadata.name}`;
}
