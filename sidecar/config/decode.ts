import { isIP } from 'node:net';
import type { Backend__Output } from '../../proto/gen/remora/v1/Backend.ts';
import type { ConnectionRule__Output } from '../../proto/gen/remora/v1/ConnectionRule.ts';
import type { Endpoint__Output } from '../../proto/gen/remora/v1/Endpoint.ts';
import type { Endpoints__Output } from '../../proto/gen/remora/v1/Endpoints.ts';
import type { Faults__Output } from '../../proto/gen/remora/v1/Faults.ts';
import type { HttpRule__Output } from '../../proto/gen/remora/v1/HttpRule.ts';
import type { Policy__Output } from '../../proto/gen/remora/v1/Policy.ts';
import type { Port__Output } from '../../proto/gen/remora/v1/Port.ts';
import type { PortRoutes__Output } from '../../proto/gen/remora/v1/PortRoutes.ts';
import type { Push__Output } from '../../proto/gen/remora/v1/Push.ts';
import type { Resource__Output } from '../../proto/gen/remora/v1/Resource.ts';
import type { Retries__Output } from '../../proto/gen/remora/v1/Retries.ts';
import type { Routes__Output } from '../../proto/gen/remora/v1/Routes.ts';
import type { Service__Output } from '../../proto/gen/remora/v1/Service.ts';
import type { Settings__Output } from '../../proto/gen/remora/v1/Settings.ts';
import type { Workload__Output } from '../../proto/gen/remora/v1/Workload.ts';
import { FEATURES } from '../../proto/well-known.ts';
import { decodeCircuitBreaker, decodeLimits, decodeLoadBalancer } from './decode-cluster-policy.ts';
import { decodeEgress, decodeExternal } from './decode-external.ts';
import { decodeFaults } from './decode-faults.ts';
import { decodeFilters } from './decode-filters.ts';
import { decodeHedging } from './decode-hedging.ts';
import { decodeMatch } from './decode-match.ts';
import { decodeInboundRateLimits, decodeRateLimits } from './decode-rate-limits.ts';
import { decodeSession } from './decode-session.ts';
import type { Faults } from './faults.ts';
import { Place, ResourceError, SERVICE_NAME } from './place.ts';
import type {
  Backend,
  ConnectionRule,
  Endpoint,
  Endpoints,
  ExternalService,
  HttpRule,
  Policy,
  Port,
  PortRoutes,
  Protocol,
  Retries,
  Routes,
  Service,
  Settings,
  Workload,
} from './types.ts';

/*
 * From messages to the sidecar's own types: with `decode-cluster-policy.ts` the
 * only file that knows both. It is strict, because a rule that is understood by half protects nobody: whatever is
 * unknown or impossible throws, and then the whole push is refused.
 */

export type ResourceKind =
  | 'settings'
  | 'service'
  | 'routes'
  | 'endpoints'
  | 'workload'
  | 'external';

export type DecodedResource = { readonly name: string; readonly version: string } & (
  | { readonly kind: 'settings'; readonly value: Settings }
  | { readonly kind: 'service'; readonly key: string; readonly value: Service }
  | { readonly kind: 'routes'; readonly key: string; readonly value: Routes }
  | { readonly kind: 'endpoints'; readonly key: string; readonly value: Endpoints }
  | { readonly kind: 'workload'; readonly key: string; readonly value: Workload | null }
  | { readonly kind: 'external'; readonly key: string; readonly value: ExternalService }
);

export interface DecodedPush {
  readonly version: string;
  readonly resources: readonly DecodedResource[];
  readonly removed: readonly RemovedResource[];
}

export interface RemovedResource {
  readonly name: string;
  readonly kind: ResourceKind;
  /** What follows the kind in the name; empty for `settings`. */
  readonly key: string;
}

/** @throws ResourceError when any resource is unknown, incomplete or impossible. */
export function decodePush(push: Push__Output): DecodedPush {
  return {
    version: push.version,
    resources: push.resources.map(decodeResource),
    removed: push.removed.map(parseName),
  };
}

const SUPPORTED: readonly string[] = FEATURES;

/** The most that the Gateway API allows. */
const MAX_WEIGHT = 1_000_000;

const PROTOCOLS: Readonly<Record<string, Protocol>> = {
  DETECT: 'detect',
  HTTP1: 'http1',
  HTTP2: 'http2',
  GRPC: 'grpc',
  TCP: 'tcp',
  TLS: 'tls',
};

function parseName(name: string): RemovedResource {
  if (name === 'settings') return { name, kind: 'settings', key: '' };
  const slash = name.indexOf('/');
  const kind = name.slice(0, slash);
  const key = name.slice(slash + 1);
  switch (kind) {
    case 'service':
    case 'routes':
    case 'endpoints':
    case 'external':
      if (!SERVICE_NAME.test(key)) {
        throw new ResourceError(name, `a name must be ${kind}/<namespace>/<name>`);
      }
      return { name, kind, key };
    case 'workload':
      if (isIP(key) === 0) throw new ResourceError(name, 'a name must be workload/<ip address>');
      return { name, kind, key };
    default:
      throw new ResourceError(
        name,
        'this kind of resource is unknown to this sidecar; it may be older than the control plane',
      );
  }
}

function decodeResource(resource: Resource__Output): DecodedResource {
  const { name, version } = resource;
  const { kind, key } = parseName(name);
  const at = new Place(name, '');
  for (const feature of resource.requires) {
    if (!SUPPORTED.includes(feature)) {
      at.fail(`it requires "${feature}", which this sidecar does not support; upgrade the sidecar`);
    }
  }
  if (resource.body !== kind) {
    at.fail(
      resource.body === undefined
        ? 'its body is empty or unknown to this sidecar'
        : `its body is of kind ${resource.body}`,
    );
  }
  switch (kind) {
    case 'settings':
      return { name, version, kind, value: decodeSettings(at.present(resource.settings), at) };
    case 'service': {
      const value = decodeService(at.present(resource.service), at);
      at.sameName(`${value.namespace}/${value.name}`, key);
      return { name, version, kind, key, value };
    }
    case 'routes': {
      const value = decodeRoutes(at.present(resource.routes), at);
      at.sameName(value.service, key);
      return { name, version, kind, key, value };
    }
    case 'endpoints': {
      const value = decodeEndpoints(at.present(resource.endpoints), at);
      at.sameName(value.service, key);
      return { name, version, kind, key, value };
    }
    case 'external': {
      const body = at.present(resource.external);
      const policy = decodePolicy(body.policy, at.in('policy'));
      const value = decodeExternal(body, policy, at);
      at.sameName(`${value.namespace}/${value.name}`, key);
      return { name, version, kind, key, value };
    }
    case 'workload': {
      const body = at.present(resource.workload);
      at.sameName(body.address, key);
      const value = body.pod === '' ? null : decodeWorkload(body, at);
      return { name, version, kind, key, value };
    }
  }
}

function decodeSettings(settings: Settings__Output, at: Place): Settings {
  return {
    workload: settings.workload,
    trustDomain: settings.trustDomain,
    inboundPorts: settings.inboundPorts.map((port, i) =>
      decodePort(port, at.in(`inboundPorts[${i}]`)),
    ),
    elections: settings.elections,
    ...(settings.rateLimits.length > 0 && {
      rateLimits: decodeInboundRateLimits(settings.rateLimits, at),
    }),
    ...decodeEgress(settings.egress, at.in('egress')),
    ...(settings.zone !== '' && { zone: settings.zone }),
  };
}

function decodePort(port: Port__Output, at: Place): Port {
  const protocol =
    PROTOCOLS[port.protocol] ??
    at.in('protocol').fail(`the value ${port.protocol} is unknown to this sidecar`);
  return { port: at.in('port').port(port.port), name: port.name, protocol };
}

function decodeService(service: Service__Output, at: Place): Service {
  service.addresses.forEach((address, i) => {
    at.in(`addresses[${i}]`).ip(address);
  });
  return {
    namespace: service.namespace,
    name: service.name,
    addresses: service.addresses,
    ports: service.ports.map((port, i) => decodePort(port, at.in(`ports[${i}]`))),
  };
}

function decodeRoutes(routes: Routes__Output, at: Place): Routes {
  const ports = routes.ports.map((port, i) => decodePortRoutes(port, at.in(`ports[${i}]`)));
  at.in('ports').unique(ports.map(({ port }) => port));
  return { service: routes.service, ports };
}

function decodePortRoutes(routes: PortRoutes__Output, at: Place): PortRoutes {
  return {
    port: at.in('port').port(routes.port),
    routeBound: routes.routeBound,
    rules: routes.rules.map((rule, i) => decodeRule(rule, at.in(`rules[${i}]`))),
    policy: decodePolicy(routes.policy, at.in('policy')),
    ...(routes.connectionRules.length > 0 && {
      connectionRules: routes.connectionRules.map((rule, i) =>
        decodeConnectionRule(rule, at.in(`connectionRules[${i}]`)),
      ),
    }),
  };
}

function decodeConnectionRule(rule: ConnectionRule__Output, at: Place): ConnectionRule {
  return {
    name: rule.name,
    serverNames: rule.serverNames.map((name, i) => at.in(`serverNames[${i}]`).hostPattern(name)),
    tlsOnly: rule.tlsOnly,
    backends: rule.backends.map((backend, i) => decodeBackend(backend, at.in(`backends[${i}]`))),
    policy: decodePolicy(rule.policy, at.in('policy')),
  };
}

function decodeRule(rule: HttpRule__Output, at: Place): HttpRule {
  return {
    name: rule.name,
    matches: rule.matches.map((match, i) => decodeMatch(match, at.in(`matches[${i}]`))),
    backends: rule.backends.map((backend, i) => decodeBackend(backend, at.in(`backends[${i}]`))),
    policy: decodePolicy(rule.policy, at.in('policy')),
    ...(rule.filters ? { filters: decodeFilters(rule.filters, at.in('filters')) } : {}),
    ...(rule.session ? { session: decodeSession(rule.session, at.in('session')) } : {}),
  };
}

function decodeBackend(backend: Backend__Output, at: Place): Backend {
  const weight = at.in('weight').atMost(backend.weight, MAX_WEIGHT);
  if (backend.invalid !== '') return { kind: 'invalid', reason: backend.invalid, weight };
  const service = at.in('service').serviceName(backend.service);
  const filters = backend.filters ? decodeFilters(backend.filters, at.in('filters')) : undefined;
  return {
    kind: 'service',
    service,
    port: at.in('port').port(backend.port),
    weight,
    ...(filters === undefined ? {} : { filters }),
    ...(backend.policy && { policy: decodePolicy(backend.policy, at.in('policy')) }),
  };
}

function decodePolicy(policy: Policy__Output | null, at: Place): Policy {
  return {
    sources: policy?.sources ?? [],
    requestTimeoutMs: at.in('requestTimeoutMs').optionalDuration(policy?.requestTimeoutMs),
    perTryTimeoutMs: at.in('perTryTimeoutMs').optionalDuration(policy?.perTryTimeoutMs),
    connectTimeoutMs: at.in('connectTimeoutMs').optionalDuration(policy?.connectTimeoutMs),
    idleTimeoutMs: at.in('idleTimeoutMs').optionalDuration(policy?.idleTimeoutMs),
    retries: policy?.retries ? decodeRetries(policy.retries, at.in('retries')) : undefined,
    circuitBreaker: policy?.circuitBreaker
      ? decodeCircuitBreaker(policy.circuitBreaker, at.in('circuitBreaker'))
      : undefined,
    loadBalancer: policy?.loadBalancer
      ? decodeLoadBalancer(policy.loadBalancer, at.in('loadBalancer'))
      : undefined,
    limits: policy?.limits ? decodeLimits(policy.limits, at.in('limits')) : undefined,
    ...(policy?.faults && { faults: faultsOf(policy.faults, at.in('faults')) }),
    ...(policy?.rateLimits && {
      rateLimits: decodeRateLimits(policy.rateLimits, at.in('rateLimits')),
    }),
    ...(policy?.hedging && { hedging: decodeHedging(policy.hedging, at.in('hedging')) }),
  };
}

function faultsOf(faults: Faults__Output, at: Place): Faults {
  const matches = faults.matches.map((match, i) => decodeMatch(match, at.in(`matches[${i}]`)));
  return decodeFaults(faults, matches, at);
}

function decodeRetries(retries: Retries__Output, at: Place): Retries {
  retries.statusCodes.forEach((code, i) => {
    if (code < 100 || code > 599) at.in(`statusCodes[${i}]`).fail(`${code} is no HTTP status`);
  });
  retries.grpcStatuses.forEach((code, i) => {
    if (code < 1 || code > 16) at.in(`grpcStatuses[${i}]`).fail(`${code} is no failure of gRPC`);
  });
  if (retries.backoffMaxMs < retries.backoffBaseMs) {
    at.in('backoffMaxMs').fail(
      `${retries.backoffMaxMs} is below backoffBaseMs, ${retries.backoffBaseMs}`,
    );
  }
  return {
    attempts: retries.attempts,
    statusCodes: new Set(retries.statusCodes),
    connectFailure: retries.connectFailure,
    backoffBaseMs: at.in('backoffBaseMs').duration(retries.backoffBaseMs),
    backoffMaxMs: at.in('backoffMaxMs').duration(retries.backoffMaxMs),
    budgetPercent: at.in('budgetPercent').atMost(retries.budgetPercent, 100),
    budgetMinPerSecond: retries.budgetMinPerSecond,
    ...(retries.grpcStatuses.length > 0 && { grpcStatuses: new Set(retries.grpcStatuses) }),
    ...(retries.maxRetryAfterMs !== undefined && {
      maxRetryAfterMs: at.in('maxRetryAfterMs').duration(retries.maxRetryAfterMs),
    }),
  };
}

function decodeEndpoints(endpoints: Endpoints__Output, at: Place): Endpoints {
  return {
    service: endpoints.service,
    endpoints: endpoints.endpoints.map((endpoint, i) =>
      decodeEndpoint(endpoint, at.in(`endpoints[${i}]`)),
    ),
  };
}

function decodeEndpoint(endpoint: Endpoint__Output, at: Place): Endpoint {
  const ports = endpoint.ports.map((port, i): [number, number] => [
    at.in(`ports[${i}].servicePort`).port(port.servicePort),
    at.in(`ports[${i}].targetPort`).port(port.targetPort),
  ]);
  at.in('ports').unique(ports.map(([servicePort]) => servicePort));
  return {
    address: at.in('address').ip(endpoint.address),
    ports: new Map(ports),
    workload: decodeWorkload(at.in('workload').present(endpoint.workload), at.in('workload')),
  };
}

function decodeWorkload(workload: Workload__Output, at: Place): Workload {
  if (workload.trunkPort !== 0) at.in('trunkPort').port(workload.trunkPort);
  return {
    address: workload.address,
    pod: workload.pod,
    namespace: workload.namespace,
    workload: workload.workload,
    serviceAccount: workload.serviceAccount,
    node: workload.node,
    zone: workload.zone,
    trunkPort: workload.trunkPort,
  };
}
