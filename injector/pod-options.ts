import { ACCESS_LOG, ANNOTATION, MAX_CONNECTIONS, PORT, THREADS } from '../proto/well-known.ts';
import { describeError, MeshError } from '../runtime/errors.ts';
import { parseCidrs, parsePorts } from './port-lists.ts';
import { parseQuantity } from './quantity.ts';

/** What a pod's annotations ask of its sidecar. Undefined means: the injector's default. */
export interface PodOptions {
  trunkPort: number;
  excludedInboundPorts: readonly number[];
  excludedOutboundPorts: readonly number[];
  excludedOutboundCidrs: readonly string[];
  cpuRequest: string | undefined;
  cpuLimit: string | undefined;
  memoryRequest: string | undefined;
  memoryLimit: string | undefined;
  logLevel: string | undefined;
  accessLog: string | undefined;
  accessLogQuery: string | undefined;
  threads: number | undefined;
  maxConnections: number | undefined;
}

const LOG_LEVELS = ['debug', 'info', 'warn', 'error'];

/**
 * Reads a pod's annotations.
 *
 * @throws MeshError `bad-annotation`: a sentence for each bad one, with its name and value.
 */
export function readPodOptions(annotations: Readonly<Record<string, string>>): PodOptions {
  const problems: string[] = [];
  const read = <T>(name: string, absent: T, parse: (text: string) => T): T => {
    const text = Object.hasOwn(annotations, name) ? annotations[name] : undefined;
    if (text === undefined) return absent;
    // An API server refuses it; a manifest of the local mode may hold anything.
    if (typeof text !== 'string') {
      problems.push(`annotation ${name} must be a text: put its value in quotes`);
      return absent;
    }
    try {
      return parse(text);
    } catch (error) {
      problems.push(`annotation ${name}: "${shorten(text)}" is bad: ${describeError(error)}`);
      return absent;
    }
  };
  const options: PodOptions = {
    trunkPort: read(ANNOTATION.trunkPort, PORT.trunk, parseTrunkPort),
    excludedInboundPorts: read(ANNOTATION.excludeInboundPorts, [], parsePorts),
    excludedOutboundPorts: read(ANNOTATION.excludeOutboundPorts, [], parsePorts),
    excludedOutboundCidrs: read(ANNOTATION.excludeOutboundCidrs, [], parseCidrs),
    cpuRequest: read(ANNOTATION.cpuRequest, undefined, checkQuantity),
    cpuLimit: read(ANNOTATION.cpuLimit, undefined, checkQuantity),
    memoryRequest: read(ANNOTATION.memoryRequest, undefined, checkQuantity),
    memoryLimit: read(ANNOTATION.memoryLimit, undefined, checkQuantity),
    logLevel: read(ANNOTATION.logLevel, undefined, oneOf(LOG_LEVELS)),
    accessLog: read(ANNOTATION.accessLog, undefined, oneOf(ACCESS_LOG.formats)),
    accessLogQuery: read(ANNOTATION.accessLogQuery, undefined, oneOf(ACCESS_LOG.queries)),
    threads: read(ANNOTATION.threads, undefined, integerWithin(THREADS)),
    maxConnections: read(ANNOTATION.maxConnections, undefined, integerWithin(MAX_CONNECTIONS)),
  };
  for (const [request, limit, requestName, limitName] of [
    [options.cpuRequest, options.cpuLimit, ANNOTATION.cpuRequest, ANNOTATION.cpuLimit],
    [options.memoryRequest, options.memoryLimit, ANNOTATION.memoryRequest, ANNOTATION.memoryLimit],
  ] as const) {
    if (
      request !== undefined &&
      limit !== undefined &&
      parseQuantity(request) > parseQuantity(limit)
    ) {
      problems.push(
        `annotation ${requestName}: "${request}" is more than ${limitName}: "${limit}" allows`,
      );
    }
  }
  if (problems.length > 0) throw new MeshError('bad-annotation', problems.join('; '));
  return options;
}

/** The ports on which the sidecar listens, and which the application cannot have. */
export function sidecarPorts(options: PodOptions): number[] {
  const { outbound, inbound, localApi, admin, health } = PORT;
  return [admin, outbound, localApi, inbound, options.trunkPort, health];
}

function parseTrunkPort(text: string): number {
  const [port, ...rest] = parsePorts(text);
  if (port === undefined || rest.length > 0) {
    throw new MeshError('bad-list', 'it must be one port');
  }
  if (port !== PORT.trunk && Object.values<number>(PORT).includes(port)) {
    throw new MeshError('bad-list', `port ${port} has another use in the sidecar`);
  }
  return port;
}

function checkQuantity(text: string): string {
  parseQuantity(text);
  return text;
}

function oneOf(choices: readonly string[]): (text: string) => string {
  return (text) => {
    if (choices.includes(text)) return text;
    throw new MeshError('bad-list', `it must be one of ${choices.join(', ')}`);
  };
}

function integerWithin({ min, max }: { min: number; max: number }): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^[0-9]+$/.test(text) && value >= min && value <= max) return value;
    throw new MeshError('bad-list', `it must be a whole number from ${min} to ${max}`);
  };
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
