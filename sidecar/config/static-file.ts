import { readFileSync } from 'node:fs';
import { dirname, extname, resolve } from 'node:path';
import type { Resource } from '../../proto/gen/remora/v1/Resource.ts';
import { v1 } from '../../proto/load.ts';
import { parseSocketAddress, type SocketAddress } from '../../runtime/env.ts';
import { describeError, MeshError } from '../../runtime/errors.ts';
import { decodePush } from './decode.ts';
import { checkMessage, describe, isObject } from './proto-json.ts';
import { ConfigStore } from './store.ts';
import type { Config, ServiceName } from './types.ts';

/** A static configuration: what the control plane would push, and what else a sidecar needs. */
export interface StaticConfig {
  readonly config: Config;
  /** Absent: neither does this sidecar open a trunk, nor does it accept one. */
  readonly certificate: CertificatePaths | undefined;
  readonly listeners: StaticListeners;
}

/** PEM files, as absolute paths. */
export interface CertificatePaths {
  readonly chain: string;
  readonly privateKey: string;
  readonly trustBundle: string;
}

/** Only what is listed here is opened. */
export interface StaticListeners {
  readonly outbound: InterceptingListener | undefined;
  readonly inbound: InterceptingListener | undefined;
  readonly trunk: SocketAddress | undefined;
  /** Each stands for one port of one service. */
  readonly destinations: readonly DestinationListener[];
}

export interface InterceptingListener {
  readonly address: SocketAddress;
  /** Connections are redirected here by the kernel, and have another destination. */
  readonly redirect: boolean;
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

/** YAML is loaded only when a file is written in it. */
async function parseText(path: string, text: string): Promise<unknown> {
  if (extname(path) === '.json') return JSON.parse(text);
  const { parse } = await import('yaml');
  return parse(text);
}

/**
 * @param directory in which relative paths of files begin
 * @throws MeshError with every problem, each with its place
 */
export function parseStaticConfig(file: unknown, directory: string): StaticConfig {
  const reader = new Reader();
  const root = reader.object(file, 'the file', ['certificate', 'listeners', 'resources']);
  const certificate =
    root.certificate === undefined
      ? undefined
      : readCertificate(reader, root.certificate, directory);
  const listeners = readListeners(reader, root.listeners);
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
  return { config, certificate, listeners };
}

/** Through the wire format and back, so that every default is filled in as on the stream. */
function decodeResources(resources: readonly Resource[]): Config {
  const { responseSerialize, responseDeserialize } = v1.Config.service.Subscribe;
  const push = responseSerialize({ version: STATIC_VERSION, resources: [...resources] });
  const store = new ConfigStore();
  store.apply(decodePush(responseDeserialize(push)));
  return store.current;
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
    outbound: readIntercepting(reader, listeners.outbound, 'listeners.outbound'),
    inbound: readIntercepting(reader, listeners.inbound, 'listeners.inbound'),
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

function readIntercepting(
  reader: Reader,
  value: unknown,
  path: string,
): InterceptingListener | undefined {
  if (value === undefined) return undefined;
  const { address, redirect = false } = reader.object(value, path, ['address', 'redirect']);
  if (typeof redirect !== 'boolean') {
    reader.problem(`${path}.redirect`, 'true or false is wanted', redirect);
  }
  return { address: reader.address(address, `${path}.address`), redirect: redirect === true };
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
