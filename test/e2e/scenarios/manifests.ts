import { parse, parseAllDocuments } from 'yaml';

/** A Kubernetes object as it is applied. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

/** Namespace of all scenarios. */
export const NAMESPACE = 'scenarios';
/** The namespace of another team, which uses what is in the first. */
export const CONSUMER_NAMESPACE = 'scenarios-consumer';
/** One whose pods may call nothing outside of the mesh but what is registered. */
export const RESTRICTED_NAMESPACE = 'scenarios-restricted';
/** The application once more, outside of the mesh. */
export const OUTSIDE = { namespace: 'scenarios-outside', name: 'outside' } as const;

/** Manifests as anybody writes them; without a namespace they are in that of the scenarios. */
export function manifests(yaml: string): Manifest[] {
  return parseAllDocuments(yaml).map((document) => {
    const object = document.toJS() as Manifest;
    return {
      ...object,
      metadata: { ...object.metadata, namespace: object.metadata.namespace ?? NAMESPACE },
    };
  });
}

/** `rules` of an HTTPRoute with a Service as parent, under the Service's name. */
export function httpRoute(service: string, rules: string, options: RouteOptions = {}): Manifest {
  return route('HTTPRoute', service, rules, options);
}

/** The same for a GRPCRoute. */
export function grpcRoute(service: string, rules: string, options: RouteOptions = {}): Manifest {
  return route('GRPCRoute', service, rules, { port: PORT.http2, ...options });
}

/** A TCPRoute, by default for the port that is declared TCP. */
export function tcpRoute(service: string, rules: string, options: RouteOptions = {}): Manifest {
  return route('TCPRoute', service, rules, { port: PORT.tcp, ...options });
}

/** A TLSRoute for server names, by default for the port on which the application speaks TLS. */
export function tlsRoute(
  service: string,
  hostnames: readonly string[],
  rules: string,
  options: RouteOptions = {},
): Manifest {
  const { spec, ...rest } = route('TLSRoute', service, rules, { port: PORT.tls, ...options });
  return { ...rest, spec: { hostnames, ...(spec as object) } };
}

/** The `spec` of an ExternalService of the restricted namespace. */
export function externalService(name: string, spec: string): Manifest {
  return {
    apiVersion: 'remora.dev/v1alpha1',
    kind: 'ExternalService',
    metadata: { name, namespace: RESTRICTED_NAMESPACE },
    spec: parse(spec),
  };
}

/** The rest of the `spec` of a TrafficPolicy for it, under its name. */
export function trafficPolicyOnExternal(name: string, spec: string): Manifest {
  const target = { group: 'remora.dev', kind: 'ExternalService', name };
  return policyOn(target, name, spec, 'TrafficPolicy', RESTRICTED_NAMESPACE);
}

export interface RouteOptions {
  /** Of the route, where it is not the Service's. */
  readonly name?: string;
  readonly namespace?: string;
  /** Of the Service; default: the one on which it speaks HTTP/1.1. */
  readonly port?: number;
}

function route(kind: string, service: string, rules: string, options: RouteOptions): Manifest {
  const { name = service, namespace = NAMESPACE, port = PORT.http } = options;
  const parent = { group: '', kind: 'Service', name: service, namespace: NAMESPACE, port };
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind,
    metadata: { name, namespace },
    spec: { parentRefs: [parent], rules: parse(rules) },
  };
}

/** The rest of the `spec` of a TrafficPolicy for a Service, under the Service's name. */
export function trafficPolicy(service: string, spec: string): Manifest {
  return policyOn({ group: '', kind: 'Service', name: service }, service, spec);
}

/** The same for a route. */
export function trafficPolicyOnRoute(routeKind: string, name: string, spec: string): Manifest {
  return policyOnRoute('TrafficPolicy', routeKind, name, spec);
}

/** Another kind of policy for a route. */
export function policyOnRoute(
  kind: string,
  routeKind: string,
  name: string,
  spec: string,
): Manifest {
  const target = { group: 'gateway.networking.k8s.io', kind: routeKind, name };
  return policyOn(target, `${name}-${routeKind.toLowerCase()}`, spec, kind);
}

/** Another kind of policy for a Service, under the Service's name. */
export function policyOnService(kind: string, service: string, spec: string): Manifest {
  return policyOn({ group: '', kind: 'Service', name: service }, service, spec, kind);
}

/** The rest of the `spec` of a TrafficPolicy for all Services of the scenarios' namespace. */
export function namespacePolicy(spec: string): Manifest {
  return policyOn({ group: '', kind: 'Namespace', name: NAMESPACE }, 'defaults', spec);
}

function policyOn(
  target: object,
  name: string,
  spec: string,
  kind = 'TrafficPolicy',
  namespace: string = NAMESPACE,
): Manifest {
  return {
    apiVersion: 'remora.dev/v1alpha1',
    kind,
    metadata: { name, namespace },
    spec: { targetRefs: [target], ...(parse(spec) as object) },
  };
}

/** Ports of every Service of the scenarios. */
export const PORT = {
  ...{ http: 80, http2: 81, secondHttp: 82, silent: 83 },
  ...{ tcp: 84, undeclared: 85, tls: 443 },
} as const;

/**
 * A Service of the application. Each scenario has its own, because what a sidecar
 * learns of a Service (who fails, what is retried) outlives the policies.
 *
 * @param labels of its pods; default: those of all versions
 */
export function service(
  name: string,
  labels: Readonly<Record<string, string>> = { app: 'echo' },
  spec: Readonly<Record<string, unknown>> = {},
): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: NAMESPACE },
    spec: {
      selector: labels,
      ports: [
        { name: 'http', port: PORT.http, targetPort: 8080 },
        { name: 'grpc', port: PORT.http2, targetPort: 8081 },
        { name: 'http-second', port: PORT.secondHttp, targetPort: 8080 },
        // Of HTTP, too: what a port is declared to be decides.
        { name: 'tcp', port: PORT.tcp, targetPort: 8080 },
        { name: 'any', port: PORT.undeclared, targetPort: 8080 },
        { name: 'tls', port: PORT.tls, targetPort: 8443 },
        // Nobody listens there.
        { name: 'http-silent', port: PORT.silent, targetPort: 8099 },
      ],
      ...spec,
    },
  };
}

/** `<kind>/<namespace>/<name>` */
export function nameOf({ kind, metadata }: Manifest): string {
  return `${kind}/${metadata.namespace}/${metadata.name}`;
}
