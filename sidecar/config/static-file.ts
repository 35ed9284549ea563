import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { dirname, extname, resolve } from 'node:path';
import type { Resource } from '../../proto/gen/remora/v1/Resource.ts';
import { subscribe } from '../../proto/messages.ts';
import { ACCESS_LOG } from '../../proto/well-known.ts';
import { parseSocketAddress, type SocketAddress } from '../../runtime/env.ts';
import { describeError, MeshError } from '../../runtime/errors.ts';
import { decodePush } from './decode.ts';
import { checkMessage, describe, isObject } from './proto-json.ts';
import { ConfigStore } from './store.ts';
import type { AccessLogSettings, Config, ServiceName, Workload } from './types.ts';

/** A static configuration: what the control plane would push, and what else a sidecar needs. */
export interface StaticConfig {
  readonly config: Config;
  readonly pod: StaticPod;
  /** Absent: neither does this sidecar open a trunk, nor does it accept one. */
  readonly certificate: CertificatePaths | undefined;
  readonly listeners: StaticListeners;
  /** Absent: as the environment says. */
  readonly accessLog: AccessLogSettings | undefined;
}

/** For whom the sidecar speaks. */
export interface StaticPod {
  readonly name: string;
  readonly namespace: string;
  /** Of the application: what the trunk accepts streams to. */
  readonly addresses: readonly string[];
}

/** PEM files, as absolute paths. */
export interface CertificatePaths {
  readonly chain: string;
  readonly privateKey: string;
  readonly trustBundle: string;
}

/** Only what is listed here is opened. */
export interface StaticListeners {
  readonly outbound: OutboundListenerSettings | undefined;
  readonly inbound: InboundListenerSettings | undefined;
  readonly trunk: SocketAddress | undefined;
  /** Each stands for one port of one service. */
  readonly destinations: readonly DestinationListener[];
}

export interface OutboundListenerSettings {
  readonly address: SocketAddress;
  /** The kernel redirects connections here; without it, this is an HTTP proxy only. */
  readonly redirect: boolean;
}

export interface InboundListenerSettings {
  readonly address: SocketAddress;
  /** Where every connection goes; undefined when the kernel redirects connections here. */
  readonly application: SocketAddress | undefined;
}

export interface DestinationListener {
  readonly address: SocketAddress;
  readonly service: ServiceName;
  readonly port: number;
}

/** What a static file's configuration is called; there is only one. */
export const STATIC_VERSION = 'static';

/**
 * Reads a static configuration, in JSON when its name ends so, else in YAML.
 *
 * @throws MeshError `bad-static-config`, naming the file, the place in it and the reason
 */
export async function readStaticFile(path: string): Promise<StaticConfig> {
  try {
    const text = readFileSync(path, 'utf8');
    return parseStaticConfig(await parseText(path, text), dirname(path));
  } catch (error) {
    throw new MeshError('bad-static-config', `${path}: ${describeError(error)}`);
  }
}

/** The YAML library is loaded only when it is needed. */
async function parseText(path: string, text: string): Promise<unknown> {
  return extname(path) === '.json' ? JSON.parse(text) : (await import('yaml')).parse(text);
}

/**
 * @param directory in which relative paths of files begin
 * @throws MeshError with every problem, each with its place
 */
export function parseStaticConfig(file: unknown, directory: string): StaticConfig {
  const reader = new Reader();
  const parts = ['pod', 'certificate', 'listeners', 'accessLog', 'resources'];
  const root = reader.object(file, 'the file', parts);
  const certificate =
    root.certificate === undefined
      ? undefined
      : readCertificate(reader, root.certificate, directory);
  const pod = readPod(reader, root.pod ?? {});
  const listeners = readListeners(reader, root.listeners);
  const accessLog =
    root.accessLog === undefined ? undefined : readAccessLog(reader, root.accessLog);
  const resources = root.resources ?? [];
  if (Array.isArray(resources)) {
    resources.forEach((resource, i) => {
      checkMessage('Resource', resource, `resources[${i}]`, reader.problems);
    });
  } else {
    reader.problem('resources', 'a list is wanted', resources);
  }
  reader.throwIfBad();
  const config = decodeResources(resources as Resource[]);
  checkReferences(reader, config, listeners, certificate);
  reader.throwIfBad();
  return { config, pod, certificate, listeners, accessLog };
}

/**
 * Through the wire format and back, so that every default is filled in as on the
 * stream. A file is all there is: services and addresses that it tells nothing
 * more of have no rules, no endpoints and no sidecar, and nobody waits for them.
 */
function decodeResources(resources: readonly Resource[]): Config {
  const { responseSerialize, responseDeserialize } = subscribe;
  const push = responseSerialize({ version: STATIC_VERSION, resources: [...resources] });
  const store = new ConfigStore();
  store.apply(decodePush(responseDeserialize(push)));
  const routes = new Map(store.current.routes);
  const endpoints = new Map(store.current.endpoints);
  for (const service of store.current.services.keys()) {
    if (!routes.has(service)) routes.set(service, { service, ports: [] });
    if (!endpoints.has(service)) endpoints.set(service, { service, endpoints: [] });
  }
  const workloads = new EveryAddress(store.current.workloads);
  return { ...store.current, routes, endpoints, workloads };
}

/** Knows of each address who answers there: nobody, unless the file says otherwise. */
class EveryAddress extends Map<string, Workload | null> {
  override has(): boolean {
    return true;
  }
}

function readPod(reader: Reader, value: unknown): StaticPod {
  const {
    name = 'static',
    namespace = 'default',
    addresses = ['127.0.0.1', '::1'],
  } = reader.object(value, 'pod', ['name', 'namespace', 'addresses']);
  if (!Array.isArray(addresses)) reader.problem('pod.addresses', 'a list is wanted', addresses);
  return {
    name: reader.text(name, 'pod.name'),
    namespace: reader.text(namespace, 'pod.namespace'),
    addresses: (Array.isArray(addresses) ? addresses : []).map((address: unknown, i) => {
      if (typeof address === 'string' && isIP(address) !== 0) return address;
      reader.problem(`pod.addresses[${i}]`, 'an IP address is wanted', address);
      return '';
    }),
  };
}

function readCertificate(reader: Reader, value: unknown, directory: string): CertificatePaths {
  const files = reader.object(value, 'certificate', ['chain', 'privateKey', 'trustBundle']);
  const path = (name: keyof CertificatePaths): string =>
    resolve(directory, reader.text(files[name], `certificate.${name}`));
  return {
    chain: path('chain'),
    privateKey: path('privateKey'),
    trustBundle: path('trustBundle'),
  };
}

function readListeners(reader: Reader, value: unknown): StaticListeners {
  const names = ['outbound', 'inbound', 'trunk', 'destinations'];
  const listeners = reader.object(value ?? {}, 'listeners', names);
  const { destinations = [] } = listeners;
  if (!Array.isArray(destinations)) {
    reader.problem('listeners.destinations', 'a list is wanted', destinations);
  }
  return {
    outbound:
      listeners.outbound === undefined ? undefined : readOutbound(reader, listeners.outbound),
    inbound: listeners.inbound === undefined ? undefined : readInbound(reader, listeners.inbound),
    trunk:
      listeners.trunk === undefined
        ? undefined
        : reader.address(
            reader.object(listeners.trunk, 'listeners.trunk', ['address']).address,
            'listeners.trunk.address',
          ),
    destinations: (Array.isArray(destinations) ? destinations : []).map((item: unknown, i) => {
      const path = `listeners.destinations[${i}]`;
      const { address, service, port } = reader.object(item, path, ['address', 'service', 'port']);
      return {
        address: reader.address(address, `${path}.address`),
        service: reader.text(service, `${path}.service`),
        port: reader.port(port, `${path}.port`),
      };
    }),
  };
}

function readOutbound(reader: Reader, value: unknown): OutboundListenerSettings {
  const path = 'listeners.outbound';
  const { address, redirect } = reader.object(value, path, ['address', 'redirect']);
  return {
    address: reader.address(address, `${path}.address`),
    redirect: reader.boolean(redirect ?? false, `${path}.redirect`),
  };
}

function readInbound(reader: Reader, value: unknown): InboundListenerSettings {
  const path = 'listeners.inbound';
  const names = ['address', 'redirect', 'application'];
  const { address, redirect, application } = reader.object(value, path, names);
  const redirected = reader.boolean(redirect ?? false, `${path}.redirect`);
  if (redirected === (application !== undefined)) {
    reader.problems.push(`${path}: either redirect: true or an application has to be given`);
  }
  return {
    address: reader.address(address, `${path}.address`),
    application:
      application === undefined ? undefined : reader.address(application, `${path}.application`),
  };
}

function readAccessLog(reader: Reader, value: unknown): AccessLogSettings {
  const path = 'accessLog';
  const { format, query } = reader.object(value, path, ['format', 'query']);
  return {
    format: reader.oneOf(format, `${path}.format`, ACCESS_LOG.formats),
    includesQuery: reader.oneOf(query ?? 'omit', `${path}.query`, ACCESS_LOG.queries) === 'include',
  };
}

/** What is named must be there, and what is needed too. */
function checkReferences(
  reader: Reader,
  config: Config,
  listeners: StaticListeners,
  certificate: CertificatePaths | undefined,
): void {
  listeners.destinations.forEach(({ service, port }, i) => {
    const path = `listeners.destinations[${i}]`;
    const found = config.services.get(service);
    if (found === undefined) {
      reader.problems.push(`${path}.service: no resource service/${service} is in this file`);
    } else if (!found.ports.some((candidate) => candidate.port === port)) {
      reader.problems.push(`${path}.port: service/${service} has no port ${port}`);
    }
  });
  if (certificate !== undefined) return;
  if (listeners.trunk !== undefined) {
    reader.problems.push('certificate: it is missing, and the trunk needs one');
  }
  for (const { service, endpoints } of config.endpoints.values()) {
    if (endpoints.some(({ workload }) => workload.trunkPort !== 0)) {
      reader.problems.push(
        `certificate: it is missing, and endpoints/${service} is reached by its trunkPort`,
      );
    }
  }
}

/** Reads values that a person wrote, and collects what is wrong with them. */
class Reader {
  readonly problems: string[] = [];

  problem(path: string, wanted: string, value: unknown): void {
    this.problems.push(`${path}: ${wanted}, not ${describe(value)}`);
  }

  object(value: unknown, path: string, names: readonly string[]): Record<string, unknown> {
    if (!isObject(value)) {
      this.problem(path, 'an object is wanted', value);
      return {};
    }
    for (const name of Object.keys(value)) {
      if (names.includes(name)) continue;
      this.problems.push(`${path}: there is no field "${name}"; there are ${names.join(', ')}`);
    }
    return value;
  }

  text(value: unknown, path: string): string {
    if (typeof value === 'string' && value !== '') return value;
    this.problem(path, 'a text is wanted', value);
    return '';
  }

  oneOf<const T extends string>(
    value: unknown,
    path: string,
    choices: readonly [T, ...(readonly T[])],
  ): T {
    const choice = choices.find((candidate) => candidate === value);
    if (choice === undefined) this.problem(path, `one of ${choices.join(', ')} is wanted`, value);
    return choice ?? choices[0];
  }

  boolean(value: unknown, path: string): boolean {
    if (typeof value !== 'boolean') this.problem(path, 'true or false is wanted', value);
    return value === true;
  }

  port(value: unknown, path: string): number {
    if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65535) {
      return value;
    }
    this.problem(path, 'a port from 1 to 65535 is wanted', value);
    return 0;
  }

  address(value: unknown, path: string): SocketAddress {
    const address = typeof value === 'string' ? parseSocketAddress(value) : undefined;
    if (address !== undefined) return address;
    this.problem(path, 'host:port is wanted', value);
    return { host: '', port: 0 };
  }

  throwIfBad(): void {
    if (this.problems.length > 0) {
      throw new MeshError('bad-static-config', this.problems.join('; '));
    }
  }
}
