import { freePorts } from '../../fakes/sidecar-process.ts';
import type { Command } from '../children.ts';
import type { Certificate, Lab, Plan, Setup } from '../lab.ts';
import { unusedPods } from '../many-services.ts';
import { POD_ADDRESSES } from '../origin.ts';
import { type BenchRule, benchRules } from '../rules.ts';

/** What the two of a pair speak. */
export type Between = 'http1' | 'http2';

const LOOPBACK = '127.0.0.1';
const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** Envoy with a worker a thread and without access logs; limits so high that they do not count. */
export async function planEnvoy(lab: Lab, setup: Setup, between: Between): Promise<Plan> {
  const [next = 0, ...ports] = await freePorts(setup.used + 2);
  const table = ports.pop() ?? 0;
  const originHttp2 = setup.protocol === 'h2c' || setup.protocol === 'grpc';
  const origin = { port: lab.origin.port(setup.protocol), http2: originHttp2 };
  const pair = setup.hop === 'pair';
  const client = lab.certificate('client');
  const server = lab.certificate('greeter');
  const target: Target = pair
    ? { port: next, http2: between === 'http2', tls: upstreamTls(lab, client, server, between) }
    : origin;

  // As a sidecar has them: one listener for all services by name, and here one more
  // for each of those that are used.
  const names = Array.from({ length: setup.services }, (_, i) => `service-${i}`);
  const listeners = ports.map((port, i) =>
    listener(port, [host('*', names[i] ?? '', setup.rules)]),
  );
  if (setup.services > 1) {
    const hosts = names.map((name) => host(`${name}.demo`, name));
    listeners.push(listener(table, hosts));
  }
  const clusters = names.map((name, i) => {
    if (!setup.manyEndpoints) return cluster(name, target);
    return cluster(name, target, i < setup.used ? POD_ADDRESSES : unusedPods(i));
  });
  const threads = setup.threads ?? 1;
  const commands = [command(lab, listeners, clusters, threads)];
  if (pair) {
    const addresses = setup.manyEndpoints ? POD_ADDRESSES : undefined;
    const tls = downstreamTls(lab, server, client);
    const inbound = listener(next, [host('*', 'origin')], tls, addresses);
    commands.push(command(lab, [inbound], [cluster('origin', origin)], threads));
  }
  return { ports, commands };
}

interface Target {
  readonly port: number;
  readonly http2: boolean;
  readonly tls?: object;
}

function command(
  lab: Lab,
  listeners: readonly object[],
  clusters: readonly object[],
  threads: number,
): Command {
  const path = lab.write('json', { static_resources: { listeners, clusters } });
  return {
    file: lab.tools.envoy?.path ?? 'envoy',
    args: ['-c', path, '--concurrency', String(threads), '--disable-hot-restart', '-l', 'error'],
  };
}

function host(domain: string, clusterName: string, rules = 1): object {
  const route = { cluster: clusterName, timeout: '0s' };
  return {
    name: domain,
    domains: [domain],
    routes: benchRules(rules).map((rule) => ({ match: match(rule), route })),
  };
}

function match(rule: BenchRule): object {
  const headers =
    rule.header === undefined
      ? {}
      : { headers: [{ name: rule.header.name, string_match: { exact: rule.header.value } }] };
  switch (rule.kind) {
    case 'exact':
      return { path: rule.path, ...headers };
    case 'expression':
      return { safe_regex: { regex: rule.path }, ...headers };
    case 'prefix':
      return rule.path === '/'
        ? { prefix: '/', ...headers }
        : { path_separated_prefix: rule.path, ...headers };
  }
}

function listener(
  port: number,
  virtualHosts: readonly object[],
  tls?: object,
  addresses: readonly string[] = [LOOPBACK],
): object {
  const manager = {
    '@type': type('filters.network.http_connection_manager.v3.HttpConnectionManager'),
    stat_prefix: 'bench',
    route_config: { virtual_hosts: virtualHosts },
    http_filters: [
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': type('filters.http.router.v3.Router') },
      },
    ],
  };
  const chain = {
    filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }],
    ...(tls === undefined ? {} : { transport_socket: tls }),
  };
  const [address, ...further] = addresses.map((one) => socketAddress(port, one));
  return {
    address,
    additional_addresses: further.map((one) => ({ address: one })),
    filter_chains: [chain],
  };
}

function cluster(name: string, target: Target, addresses: readonly string[] = [LOOPBACK]): object {
  const limits = {
    max_connections: 100_000,
    max_pending_requests: 100_000,
    max_requests: 100_000,
  };
  return {
    name,
    connect_timeout: '1s',
    circuit_breakers: { thresholds: [limits] },
    outlier_detection: { consecutive_5xx: 5 },
    load_assignment: {
      cluster_name: name,
      endpoints: [
        {
          lb_endpoints: addresses.map((address) => ({
            endpoint: { address: socketAddress(target.port, address) },
          })),
        },
      ],
    },
    ...(target.http2
      ? {
          typed_extension_protocol_options: {
            [HTTP_OPTIONS]: {
              '@type': type('upstreams.http.v3.HttpProtocolOptions'),
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
        }
      : {}),
    ...(target.tls === undefined ? {} : { transport_socket: target.tls }),
  };
}

function upstreamTls(lab: Lab, own: Certificate, peer: Certificate, between: Between): object {
  return transportSocket('UpstreamTlsContext', {
    common_tls_context: {
      ...commonTls(lab, own, peer),
      alpn_protocols: [between === 'http2' ? 'h2' : 'http/1.1'],
    },
  });
}

function downstreamTls(lab: Lab, own: Certificate, peer: Certificate): object {
  return transportSocket('DownstreamTlsContext', {
    require_client_certificate: true,
    common_tls_context: {
      ...commonTls(lab, own, peer),
      alpn_protocols: ['h2', 'http/1.1'],
    },
  });
}

function transportSocket(context: string, fields: object): object {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: { '@type': type(`transport_sockets.tls.v3.${context}`), ...fields },
  };
}

function commonTls(lab: Lab, own: Certificate, peer: Certificate): object {
  return {
    tls_params: {
      tls_minimum_protocol_version: 'TLSv1_3',
      tls_maximum_protocol_version: 'TLSv1_3',
    },
    tls_certificates: [
      { certificate_chain: { filename: own.chain }, private_key: { filename: own.key } },
    ],
    validation_context: {
      trusted_ca: { filename: lab.roots },
      match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: peer.spiffeId } }],
    },
  };
}

function socketAddress(port: number, address = LOOPBACK): object {
  return { socket_address: { address, port_value: port } };
}

function type(name: string): string {
  return `type.googleapis.com/envoy.extensions.${name}`;
}
