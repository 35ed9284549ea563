/**
 * What the injector reads of a pod and writes into it: the Kubernetes API's own
 * names, and only those fields. A pod as it comes from an AdmissionReview or
 * from a manifest holds more, which is left alone.
 */
export interface Pod {
  metadata?: PodMetadata;
  spec?: PodSpec;
}

export interface PodMetadata {
  name?: string;
  generateName?: string;
  namespace?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

export interface PodSpec {
  containers?: Container[];
  initContainers?: Container[];
  volumes?: Volume[];
  hostNetwork?: boolean;
  os?: { name?: string };
  securityContext?: { runAsUser?: number };
  terminationGracePeriodSeconds?: number;
}

export interface Container {
  name: string;
  image?: string;
  imagePullPolicy?: string;
  command?: string[];
  args?: string[];
  env?: EnvVar[];
  ports?: ContainerPort[];
  resources?: Resources;
  restartPolicy?: 'Always';
  securityContext?: SecurityContext;
  startupProbe?: HttpProbe;
  readinessProbe?: HttpProbe;
  terminationMessagePolicy?: string;
  volumeMounts?: { name: string; mountPath: string; readOnly?: boolean }[];
}

export interface EnvVar {
  name: string;
  value?: string;
  valueFrom?: { fieldRef: { fieldPath: string } };
}

export interface ContainerPort {
  containerPort: number;
  name?: string;
  protocol?: string;
}

/** Quantities as Kubernetes writes them: `100m`, `128Mi`. */
export interface Resources {
  requests?: Record<string, string>;
  limits?: Record<string, string>;
}

export interface SecurityContext {
  runAsUser?: number;
  runAsGroup?: number;
  runAsNonRoot?: boolean;
  readOnlyRootFilesystem?: boolean;
  allowPrivilegeEscalation?: boolean;
  capabilities?: { add?: string[]; drop?: string[] };
  seccompProfile?: { type: string };
}

export interface HttpProbe {
  httpGet: { path: string; port: number };
  periodSeconds: number;
  timeoutSeconds: number;
  failureThreshold: number;
}

export interface Volume {
  name: string;
  emptyDir?: { medium: string; sizeLimit: string };
  projected?: { sources: VolumeSource[] };
}

export type VolumeSource =
  | { serviceAccountToken: { audience: string; expirationSeconds: number; path: string } }
  | { configMap: { name: string; items: { key: string; path: string }[] } };
