import type { EndpointSliceObject, PodObject, SliceEndpoint } from '../watch/kinds.ts';
import type { Endpoint, Endpoints, Service } from './types.ts';
import { toWorkload, unknownWorkload } from './workloads.ts';

export interface EndpointsInputs {
  readonly service: Service;
  readonly slices: readonly EndpointSliceObject[];
  /** A pod of the service's namespace by name. */
  readonly pod: (name: string) => PodObject | undefined;
}

/**
 * Where a service's pods are. Ready endpoints count; only when there is none do
 * those that are on their way out but still serve (as kube-proxy has it), so
 * that the last pod's end does not become an outage.
 */
export function buildEndpoints(inputs: EndpointsInputs): Endpoints {
  const { service } = inputs;
  const ready = collect(inputs, (endpoint) => endpoint.ready);
  const endpoints =
    ready.length > 0
      ? ready
      : collect(inputs, (endpoint) => endpoint.serving && endpoint.terminating);
  return { kind: 'endpoints', service: `${service.namespace}/${service.name}`, endpoints };
}

function collect(
  { service, slices, pod }: EndpointsInputs,
  usable: (endpoint: SliceEndpoint) => boolean,
): Endpoint[] {
  // An endpoint may stand in two slices for a moment while they are rebalanced.
  // Pods of local mode may share an address: the pod tells them apart.
  const byPod = new Map<string, Endpoint>();
  for (const slice of slices) {
    if (slice.addressType === 'FQDN') continue;
    const ports = portsOf(service, slice);
    if (ports.length === 0) continue;
    for (const endpoint of slice.endpoints) {
      if (!usable(endpoint)) continue;
      // All addresses of an endpoint reach the same pod; the first is the one to use.
      const address = endpoint.addresses[0];
      if (address === undefined) continue;
      const found = endpoint.pod === '' ? undefined : pod(endpoint.pod);
      const key = `${address}/${endpoint.pod}`;
      const present = byPod.get(key);
      byPod.set(key, {
        address,
        ports: present === undefined ? ports : mergePorts(present.ports, ports),
        workload:
          found === undefined
            ? unknownWorkload(address, endpoint.node, endpoint.zone)
            : toWorkload(found, address, endpoint.zone),
      });
    }
  }
  return [...byPod].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, endpoint]) => endpoint);
}

type Ports = Endpoint['ports'];

/** The slice's ports under the service's numbers; they meet by name. */
function portsOf(service: Service, slice: EndpointSliceObject): Ports {
  return service.ports.flatMap((port) => {
    const target = slice.ports.find(
      (candidate) => candidate.name === port.name && candidate.transport === 'TCP',
    );
    return target === undefined ? [] : [{ servicePort: port.port, targetPort: target.port }];
  });
}

function mergePorts(some: Ports, more: Ports): Ports {
  const known = new Set(some.map((port) => port.servicePort));
  return [...some, ...more.filter((port) => !known.has(port.servicePort))].sort(
    (a, b) => a.servicePort - b.servicePort,
  );
}
