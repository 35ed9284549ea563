import type { Backend as BackendMessage } from '../../proto/gen/remora/v1/Backend.ts';
import type { BalancerType } from '../../proto/gen/remora/v1/BalancerType.ts';
import type { ConnectionRule as ConnectionRuleMessage } from '../../proto/gen/remora/v1/ConnectionRule.ts';
import type { HashSource as HashSourceMessage } from '../../proto/gen/remora/v1/HashSource.ts';
import type { HttpMatch as HttpMatchMessage } from '../../proto/gen/remora/v1/HttpMatch.ts';
import type { Policy as PolicyMessage } from '../../proto/gen/remora/v1/Policy.ts';
import type { Protocol as ProtocolMessage } from '../../proto/gen/remora/v1/Protocol.ts';
import type { Resource as ResourceMessage } from '../../proto/gen/remora/v1/Resource.ts';
import type { Workload as WorkloadMessage } from '../../proto/gen/remora/v1/Workload.ts';
import { v1 } from '../../proto/load.ts';
import type {
  Backend,
  ConnectionRule,
  HashSource,
  HttpMatch,
  HttpRule,
  LoadBalancer,
  Policy,
  Port,
  Protocol,
  Resource,
  Workload,
} from '../model/types.ts';
import type { VersionedResource } from '../snapshot/types.ts';
import { filtersMessage } from './encode-filters.ts';
import { rateLimitsMessage } from './encode-rate-limits.ts';
import { featuresOf } from './features.ts';

/**
 * The border between the model and the wire: with `encode-filters.ts` the only file that
 * knows both.
 *
 * A push is put together from serialised pieces. Protobuf merges messages whose
 * bytes are joined, so each resource is serialised once, as a Push that holds
 * nothing else, and its bytes serve every sidecar.
 */

const { responseSerialize } = v1.Config.service.Subscribe;

const encoded = new WeakMap<VersionedResource, Buffer>();
const encodedLists = new WeakMap<readonly VersionedResource[], Buffer>();

/** A Push with this resource alone. */
export function encodeResource(item: VersionedResource): Buffer {
  let bytes = encoded.get(item);
  if (bytes === undefined) {
    const { name, version, resource } = item;
    const message: ResourceMessage = { name, version, ...bodyOf(resource) };
    message.requires = featuresOf(resource);
    bytes = responseSerialize({ resources: [message] });
    encoded.set(item, bytes);
  }
  return bytes;
}

/** A Push with these resources. Remembered by the list: pass the same one for many sidecars. */
export function encodeResources(items: readonly VersionedResource[]): Buffer {
  let bytes = encodedLists.get(items);
  if (bytes === undefined) {
    bytes = Buffer.concat(items.map(encodeResource));
    encodedLists.set(items, bytes);
  }
  return bytes;
}

/** A Push without resources. */
export function encodePushHead(nonce: number, version: string, removed: readonly string[]): Buffer {
  return responseSerialize({ nonce, version, removed: [...removed] });
}

function bodyOf(resource: Resource): Partial<ResourceMessage> {
  switch (resource.kind) {
    case 'settings':
      return {
        settings: {
          workload: resource.workload,
          trustDomain: resource.trustDomain,
          inboundPorts: resource.inboundPorts.map(portMessage),
          elections: [...resource.elections],
          ...(resource.rateLimits && {
            rateLimits: resource.rateLimits.map(({ port, limits }) => ({
              port,
              limits: limits.map(rateLimitsMessage),
            })),
          }),
          ...(resource.egress && { egress: 'REGISTERED_ONLY' }),
          zone: resource.zone ?? '',
        },
      };
    case 'service':
      return {
        service: {
          namespace: resource.namespace,
          name: resource.name,
          addresses: [...resource.addresses],
          ports: resource.ports.map(portMessage),
        },
      };
    case 'routes':
      return {
        routes: {
          service: resource.service,
          ports: resource.ports.map((port) => ({
            port: port.port,
            routeBound: port.routeBound,
            rules: port.rules.map(ruleMessage),
            policy: policyMessage(port.policy),
            ...(port.connectionRules && {
              connectionRules: port.connectionRules.map(connectionRuleMessage),
            }),
          })),
        },
      };
    case 'endpoints':
      return {
        endpoints: {
          service: resource.service,
          endpoints: resource.endpoints.map((endpoint) => ({
            address: endpoint.address,
            ports: [...endpoint.ports],
            workload: workloadMessage(endpoint.workload),
          })),
        },
      };
    case 'external': {
      const { kind: _, policy, ports, ...names } = resource;
      return {
        external: {
          ...{ ...names, hosts: [...names.hosts], endpoints: [...names.endpoints] },
          ports: ports.map(({ protocol, ...port }) => ({
            ...port,
            protocol: PROTOCOLS[protocol],
          })),
          policy: policyMessage(policy),
        },
      };
    }
    case 'workload':
      return { workload: workloadMessage(resource) };
  }
}

const PROTOCOLS: Record<Protocol, ProtocolMessage> = {
  detect: 'DETECT',
  http1: 'HTTP1',
  http2: 'HTTP2',
  grpc: 'GRPC',
  tcp: 'TCP',
  tls: 'TLS',
};

function portMessage(port: Port) {
  return { port: port.port, name: port.name, protocol: PROTOCOLS[port.protocol] };
}

function ruleMessage(rule: HttpRule) {
  return {
    name: rule.name,
    matches: rule.matches.map(matchMessage),
    backends: rule.backends.map(backendMessage),
    policy: policyMessage(rule.policy),
    ...(rule.session && { session: { ...rule.session } }),
    ...(rule.filters && { filters: filtersMessage(rule.filters) }),
  };
}

function connectionRuleMessage(rule: ConnectionRule): ConnectionRuleMessage {
  return {
    ...rule,
    serverNames: [...rule.serverNames],
    backends: rule.backends.map(backendMessage),
    policy: policyMessage(rule.policy),
  };
}

function backendMessage({ filters, policy, ...backend }: Backend): BackendMessage {
  return {
    ...backend,
    ...(filters && { filters: filtersMessage(filters) }),
    ...(policy && { policy: policyMessage(policy) }),
  };
}

function matchMessage(match: HttpMatch): HttpMatchMessage {
  const message: HttpMatchMessage = { headers: [...match.headers], query: [...match.query] };
  if (match.method !== undefined) message.method = match.method;
  if (match.path?.kind === 'exact') message.exact = match.path.value;
  if (match.path?.kind === 'prefix') message.prefix = match.path.value;
  if (match.path?.kind === 'expression') message.pathExpression = match.path.value;
  return message;
}

function policyMessage(policy: Policy): PolicyMessage {
  const {
    retries,
    circuitBreaker,
    loadBalancer,
    limits,
    faults,
    rateLimits,
    sources,
    hedging,
    ...timeouts
  } = policy;
  const message: PolicyMessage = { sources: [...sources], ...timeouts };
  if (retries !== undefined) {
    message.retries = {
      ...retries,
      statusCodes: [...retries.statusCodes],
      grpcStatuses: [...(retries.grpcStatuses ?? [])],
    };
  }
  if (hedging !== undefined) message.hedging = { ...hedging, methods: [...hedging.methods] };
  if (circuitBreaker !== undefined) message.circuitBreaker = { ...circuitBreaker };
  if (loadBalancer !== undefined) {
    const { type, hash, ...more } = loadBalancer;
    message.loadBalancer = { type: BALANCER_TYPES[type], ...more };
    if (hash !== undefined) message.loadBalancer.hash = hashMessage(hash);
  }
  if (limits !== undefined) message.limits = { ...limits };
  if (faults !== undefined) {
    message.faults = { ...faults, matches: faults.matches.map(matchMessage) };
  }
  if (rateLimits !== undefined) message.rateLimits = rateLimitsMessage(rateLimits);
  return message;
}

const BALANCER_TYPES: Record<LoadBalancer['type'], BalancerType> = {
  'least-request': 'LEAST_REQUEST',
  'peak-ewma': 'PEAK_EWMA',
  'round-robin': 'ROUND_ROBIN',
  'ring-hash': 'RING_HASH',
};

function hashMessage(hash: HashSource): HashSourceMessage {
  switch (hash.kind) {
    case 'header':
      return { header: hash.name };
    case 'cookie': {
      const { kind: _, ...cookie } = hash;
      return { cookie };
    }
    case 'source':
      return { callingPod: {} };
  }
}

function workloadMessage({ kind: _, ...fields }: Workload): WorkloadMessage {
  return fields;
}
