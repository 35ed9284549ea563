import { GROUP } from '../../proto/well-known.ts';
import {
  ipAddress,
  list,
  objectMeta,
  type Path,
  portNumber,
  type Raw,
  ResourceError,
  record,
  records,
  text,
  textMap,
} from './raw.ts';
import type { KubernetesObject, WatchedKind } from './source.ts';

/** The core kinds that the mesh watches, pruned to what the model reads. */

export type NamespaceObject = KubernetesObject;

export const namespaceKind: WatchedKind<NamespaceObject> = {
  apiVersion: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  clusterScoped: true,
  optional: false,
  parse: (raw) => header(record(raw, []), 'v1', 'Namespace', {}),
};

export interface NodeObject extends KubernetesObject {
  readonly zone: string;
}

/** Nodes tell zones; without the right to read them, zones stay empty. */
export const nodeKind: WatchedKind<NodeObject> = {
  apiVersion: 'v1',
  kind: 'Node',
  plural: 'nodes',
  clusterScoped: true,
  optional: true,
  parse: (raw) => {
    const base = header(record(raw, []), 'v1', 'Node', {
      labels: (key: string) => key === ZONE_LABEL,
    });
    return { ...base, zone: base.metadata.labels[ZONE_LABEL] ?? '' };
  },
};

/** On nodes, and copied by Kubernetes to pods; where a pod has it, it decides. */
export const ZONE_LABEL = 'topology.kubernetes.io/zone';

export interface ServiceObject extends KubernetesObject {
  readonly type: string;
  /** Cluster IPs; none for a headless service. */
  readonly clusterIps: readonly string[];
  readonly selector: Readonly<Record<string, string>>;
  readonly ports: readonly ServicePort[];
  /** `ClientIP`, or `None`. */
  readonly sessionAffinity: string;
}

export interface ServicePort {
  readonly name: string;
  readonly port: number;
  /** TCP, UDP or SCTP. */
  readonly transport: string;
  readonly appProtocol: string;
  /** A number, or the name of a container's port. */
  readonly targetPort: number | string;
}

export const serviceKind: WatchedKind<ServiceObject> = {
  apiVersion: 'v1',
  kind: 'Service',
  plural: 'services',
  optional: false,
  parse: (raw) => {
    const object = record(raw, []);
    const spec = record(object.spec, ['spec']);
    const single = clusterIp(spec.clusterIP, ['spec', 'clusterIP']);
    const several = list(spec.clusterIPs, ['spec', 'clusterIPs']).map((address, position) =>
      clusterIp(address, ['spec', 'clusterIPs', position]),
    );
    const addresses = several.length > 0 ? several : [single];
    const ports = records(spec.ports, ['spec', 'ports']).map(servicePort);
    refuseTwice(ports);
    return {
      ...header(object, 'v1', 'Service', { labels: () => false }),
      type: text(spec.type, ['spec', 'type'], 'ClusterIP'),
      clusterIps: addresses.filter((address) => address !== ''),
      selector: textMap(spec.selector, ['spec', 'selector']),
      ports,
      sessionAffinity: text(spec.sessionAffinity, ['spec', 'sessionAffinity'], 'None'),
    };
  },
};

/** Empty for a headless service. */
function clusterIp(value: unknown, path: Path): string {
  return value === 'None' ? '' : ipAddress(value, path);
}

function servicePort(port: Raw, position: number): ServicePort {
  const path = ['spec', 'ports', position];
  const number = portNumber(port.port, [...path, 'port']);
  return {
    name: text(port.name, [...path, 'name']),
    port: number,
    transport: text(port.protocol, [...path, 'protocol'], 'TCP'),
    appProtocol: text(port.appProtocol, [...path, 'appProtocol']),
    targetPort: targetPort(port.targetPort, [...path, 'targetPort']) ?? number,
  };
}

/** An API server refuses them; in a file nobody has. */
function refuseTwice(ports: readonly ServicePort[]): void {
  const seen = new Set<string>();
  ports.forEach(({ transport, port }, position) => {
    const id = `${transport} ${port}`;
    if (seen.has(id)) {
      throw new ResourceError(['spec', 'ports', position], `is ${id}, which stands there twice`);
    }
    seen.add(id);
  });
}

export interface EndpointSliceObject extends KubernetesObject {
  /** Empty when the slice belongs to no service. */
  readonly service: string;
  readonly addressType: string;
  readonly ports: readonly SlicePort[];
  readonly endpoints: readonly SliceEndpoint[];
}

export interface SlicePort {
  readonly name: string;
  readonly port: number;
  readonly transport: string;
}

export interface SliceEndpoint {
  readonly addresses: readonly string[];
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  readonly node: string;
  readonly zone: string;
  /** The pod behind it; empty when there is none. */
  readonly pod: string;
}

const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

export const endpointSliceKind: WatchedKind<EndpointSliceObject> = {
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  optional: false,
  parse: (raw) => {
    const object = record(raw, []);
    const base = header(object, 'discovery.k8s.io/v1', 'EndpointSlice', {
      labels: (key: string) => key === SERVICE_NAME_LABEL,
    });
    return {
      ...base,
      service: base.metadata.labels[SERVICE_NAME_LABEL] ?? '',
      addressType: text(object.addressType, ['addressType'], 'IPv4'),
      ports: records(object.ports, ['ports']).flatMap((port, position) =>
        // A slice may stand for "all ports"; nothing can be routed to that.
        port.port === undefined || port.port === null
          ? []
          : [
              {
                name: text(port.name, ['ports', position, 'name']),
                port: portNumber(port.port, ['ports', position, 'port']),
                transport: text(port.protocol, ['ports', position, 'protocol'], 'TCP'),
              },
            ],
      ),
      endpoints: records(object.endpoints, ['endpoints']).map((endpoint, position) =>
        sliceEndpoint(endpoint, position, object.addressType === 'FQDN' ? text : ipAddress),
      ),
    };
  },
};

function sliceEndpoint(
  raw: Raw,
  position: number,
  address: (value: unknown, path: Path) => string,
): SliceEndpoint {
  const path = ['endpoints', position];
  const conditions = record(raw.conditions, [...path, 'conditions']);
  const target = record(raw.targetRef, [...path, 'targetRef']);
  // Absent means ready, and serving follows ready (discovery.k8s.io/v1).
  const ready = conditions.ready !== false;
  return {
    addresses: list(raw.addresses, [...path, 'addresses']).map((value, index) =>
      address(value, [...path, 'addresses', index]),
    ),
    ready,
    serving: typeof conditions.serving === 'boolean' ? conditions.serving : ready,
    terminating: conditions.terminating === true,
    node: text(raw.nodeName, [...path, 'nodeName']),
    zone: text(raw.zone, [...path, 'zone']),
    pod: target.kind === 'Pod' ? text(target.name, [...path, 'targetRef', 'name']) : '',
  };
}

export interface PodObject extends KubernetesObject {
  readonly serviceAccount: string;
  readonly node: string;
  readonly hostNetwork: boolean;
  /** Ports by name, from all containers. */
  readonly namedPorts: readonly { readonly name: string; readonly port: number }[];
  readonly phase: string;
  readonly ready: boolean;
  readonly terminating: boolean;
  readonly addresses: readonly string[];
}

export const podKind: WatchedKind<PodObject> = {
  apiVersion: 'v1',
  kind: 'Pod',
  plural: 'pods',
  optional: false,
  parse: (raw) => {
    const object = record(raw, []);
    const meta = record(object.metadata, ['metadata']);
    const spec = record(object.spec, ['spec']);
    const status = record(object.status, ['status']);
    const address = ipAddress(status.podIP, ['status', 'podIP']);
    const addresses = records(status.podIPs, ['status', 'podIPs']).map((entry, position) =>
      ipAddress(entry.ip, ['status', 'podIPs', position, 'ip']),
    );
    const phase = text(status.phase, ['status', 'phase']);
    const readyCondition = records(status.conditions, ['status', 'conditions']).find(
      (condition) => condition.type === 'Ready',
    );
    return {
      ...header(object, 'v1', 'Pod', {
        annotations: (key: string) => key.startsWith(`${GROUP}/`),
      }),
      serviceAccount: text(spec.serviceAccountName, ['spec', 'serviceAccountName'], 'default'),
      node: text(spec.nodeName, ['spec', 'nodeName']),
      hostNetwork: spec.hostNetwork === true,
      namedPorts: [
        // Native sidecars are init containers, and their ports can be named too.
        ...containerPorts(spec.initContainers, ['spec', 'initContainers']),
        ...containerPorts(spec.containers, ['spec', 'containers']),
      ],
      phase,
      ready: phase === 'Running' && readyCondition?.status === 'True',
      terminating: meta.deletionTimestamp !== undefined && meta.deletionTimestamp !== null,
      addresses: addresses.length > 0 ? addresses : address === '' ? [] : [address],
    };
  },
};

function containerPorts(value: unknown, path: Path): { name: string; port: number }[] {
  return records(value, path).flatMap((container, position) =>
    records(container.ports, [...path, position, 'ports']).flatMap((port, portPosition) => {
      const portPath = [...path, position, 'ports', portPosition];
      const name = text(port.name, [...portPath, 'name']);
      if (name === '') return [];
      return [{ name, port: portNumber(port.containerPort, [...portPath, 'containerPort']) }];
    }),
  );
}

/** Who may refer to what across namespaces. */
export interface ReferenceGrantObject extends KubernetesObject {
  readonly from: readonly {
    readonly group: string;
    readonly kind: string;
    readonly namespace: string;
  }[];
  /** An empty name stands for all. */
  readonly to: readonly { readonly group: string; readonly kind: string; readonly name: string }[];
}

/** Served as v1 by newer releases of the Gateway API, as v1beta1 by older ones. */
export const referenceGrantKinds = [
  referenceGrantKind('gateway.networking.k8s.io/v1'),
  referenceGrantKind('gateway.networking.k8s.io/v1beta1'),
] as const;

function referenceGrantKind(apiVersion: string): WatchedKind<ReferenceGrantObject> {
  return {
    apiVersion,
    kind: 'ReferenceGrant',
    plural: 'referencegrants',
    optional: true,
    parse: (raw) => {
      const object = record(raw, []);
      const spec = record(object.spec, ['spec']);
      return {
        ...header(object, apiVersion, 'ReferenceGrant', { labels: () => false }),
        from: records(spec.from, ['spec', 'from']).map((from, position) => ({
          group: text(from.group, ['spec', 'from', position, 'group']),
          kind: text(from.kind, ['spec', 'from', position, 'kind']),
          namespace: text(from.namespace, ['spec', 'from', position, 'namespace']),
        })),
        to: records(spec.to, ['spec', 'to']).map((to, position) => ({
          group: text(to.group, ['spec', 'to', position, 'group']),
          kind: text(to.kind, ['spec', 'to', position, 'kind']),
          name: text(to.name, ['spec', 'to', position, 'name']),
        })),
      };
    },
  };
}

function targetPort(value: unknown, path: Path): number | string | undefined {
  if (value === undefined || value === null || value === '' || value === 0) return undefined;
  if (typeof value === 'string') return value;
  return portNumber(value, path);
}

function header(
  object: Raw,
  apiVersion: string,
  kind: string,
  options: Parameters<typeof objectMeta>[1],
): KubernetesObject {
  return { apiVersion, kind, metadata: objectMeta(object, options) };
}
