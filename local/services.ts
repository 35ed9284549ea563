import { MeshError } from '../runtime/errors.ts';
import { nameOf, type Service } from './objects.ts';

/** A running pod as services see it. */
export interface ServedPod {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly address: string;
  /** `hostname.subdomain`, where the pod's spec asks for such a name. */
  readonly hostname: string;
  readonly subdomain: string;
  readonly ready: boolean;
  readonly terminating: boolean;
  readonly namedPorts: ReadonlyMap<string, number>;
  /** The port on which the program really listens, where it is not the container's. */
  realPort(containerPort: number): number;
}

export interface ServedPort {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
}

/** A pod behind a service: where it answers for each of the service's ports. */
export interface Backend {
  readonly pod: ServedPod;
  /** By the service's port. */
  readonly targets: ReadonlyMap<number, number>;
}

/** A service as local mode runs it. */
export interface ServedService {
  readonly object: Service;
  readonly namespace: string;
  readonly name: string;
  /** Undefined for a headless service and for an ExternalName. */
  readonly clusterIp: string | undefined;
  readonly ports: readonly ServedPort[];
  readonly backends: readonly Backend[];
}

/** Hands out cluster IPs: a service keeps its address as long as local mode runs. */
export class ClusterIps {
  readonly #prefix: string;
  readonly #byService = new Map<string, string>();
  #next = 1;

  /** @param prefix the first two octets of the services' network */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  of(service: Service): string | undefined {
    if (service.spec.clusterIP === 'None' || service.spec.type === 'ExternalName') return undefined;
    const name = nameOf(service);
    let address = this.#byService.get(name);
    if (address === undefined) {
      // 10.199.128.0/17 is for services, so the third octet begins at 128.
      const third = 128 + Math.floor(this.#next / 250);
      if (third > 255) throw new MeshError('too-many-services', 'no cluster IP is left');
      address = `${this.#prefix}.${third}.${(this.#next % 250) + 1}`;
      this.#next += 1;
      this.#byService.set(name, address);
    }
    return address;
  }
}

/** The services with their backends. Pure but for new cluster IPs. */
export function serveServices(
  services: readonly Service[],
  pods: readonly ServedPod[],
  addresses: ClusterIps,
): ServedService[] {
  return services.map((object) => {
    const namespace = object.metadata.namespace ?? 'default';
    const selector = Object.entries(object.spec.selector ?? {});
    const selected = pods.filter(
      (pod) =>
        selector.length > 0 &&
        pod.namespace === namespace &&
        selector.every(([label, value]) => pod.labels[label] === value),
    );
    return {
      object,
      namespace,
      name: object.metadata.name,
      clusterIp: addresses.of(object),
      ports: (object.spec.ports ?? []).map(({ name = '', port, protocol = 'TCP' }) => ({
        name,
        port,
        protocol,
      })),
      backends: selected.map((pod) => ({ pod, targets: targetsOf(object, pod) })),
    };
  });
}

function targetsOf(service: Service, pod: ServedPod): Map<number, number> {
  const targets = new Map<number, number>();
  for (const { port, targetPort = port } of service.spec.ports ?? []) {
    const number = typeof targetPort === 'number' ? targetPort : pod.namedPorts.get(targetPort);
    if (number !== undefined) targets.set(port, pod.realPort(number));
  }
  return targets;
}

/** True when traffic may go there. */
export function isServing(service: ServedService, backend: Backend): boolean {
  if (backend.pod.terminating) return false;
  return backend.pod.ready || service.object.spec.publishNotReadyAddresses === true;
}

/**
 * The EndpointSlices of a service: one a pod, because in loopback the same port
 * of a service is another port with each pod.
 */
export function endpointSlices(service: ServedService): object[] {
  return service.backends.map((backend) => {
    const { pod, targets } = backend;
    return {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: `${service.name}-${pod.name}`,
        namespace: service.namespace,
        labels: { 'kubernetes.io/service-name': service.name },
      },
      addressType: 'IPv4',
      ports: service.ports.flatMap(({ name, port, protocol }) => {
        const target = targets.get(port);
        return target === undefined ? [] : [{ name, port: target, protocol }];
      }),
      endpoints: [
        {
          addresses: [pod.address],
          conditions: {
            ready: isServing(service, backend),
            serving: pod.ready,
            terminating: pod.terminating,
          },
          nodeName: 'local',
          targetRef: { kind: 'Pod', name: pod.name, namespace: pod.namespace },
        },
      ],
    };
  });
}
