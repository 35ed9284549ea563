import type { ServiceObject, ServicePort } from '../watch/kinds.ts';
import type { Port, Protocol, Service } from './types.ts';

/** `appProtocol` of a service port, in the spellings that users and other meshes have. */
const BY_APP_PROTOCOL: ReadonlyMap<string, Protocol> = new Map([
  ['kubernetes.io/h2c', 'http2'],
  ['kubernetes.io/ws', 'http1'],
  ['kubernetes.io/wss', 'tls'],
  ['http', 'http1'],
  ['http1', 'http1'],
  ['grpc-web', 'http1'],
  ['ws', 'http1'],
  ['http2', 'http2'],
  ['h2c', 'http2'],
  ['grpc', 'grpc'],
  ['https', 'tls'],
  ['tls', 'tls'],
  ['wss', 'tls'],
  ['tcp', 'tcp'],
  ['redis', 'tcp'],
  ['mysql', 'tcp'],
  ['mariadb', 'tcp'],
  ['mongo', 'tcp'],
  ['mongodb', 'tcp'],
  ['postgres', 'tcp'],
  ['postgresql', 'tcp'],
  ['amqp', 'tcp'],
  ['kafka', 'tcp'],
  ['nats', 'tcp'],
  ['smtp', 'tcp'],
  ['ldap', 'tcp'],
  ['memcached', 'tcp'],
]);

/** Ports whose number tells that the server speaks first; detection would cost such a client its wait. */
const BY_NUMBER: ReadonlyMap<number, Protocol> = new Map([
  [25, 'tcp'],
  [3306, 'tcp'],
]);

/** What a port carries: `appProtocol`, then the first part of its name, then a few well-known numbers. */
export function protocolOf(port: Pick<ServicePort, 'appProtocol' | 'name' | 'port'>): Protocol {
  const { appProtocol, name } = port;
  const declared = BY_APP_PROTOCOL.get(appProtocol.toLowerCase());
  if (declared !== undefined) return declared;
  const lowerName = name.toLowerCase();
  return (
    BY_APP_PROTOCOL.get(lowerName.startsWith('grpc-web') ? 'grpc-web' : prefix(lowerName)) ??
    BY_NUMBER.get(port.port) ??
    'detect'
  );
}

function prefix(name: string): string {
  return name.split('-', 1)[0] ?? '';
}

/**
 * The index entry of a service; undefined for one without ports that could be proxied.
 *
 * @param carriesGrpc whether a GRPCRoute names the port: what it carries needs no detection then
 */
export function toService(
  object: ServiceObject,
  carriesGrpc: (port: Port) => boolean = () => false,
): Service | undefined {
  // An ExternalName is an alias in DNS: no address of its own to recognise.
  if (object.type === 'ExternalName') return undefined;
  const ports = object.ports
    .filter((port) => port.transport === 'TCP')
    .map(toPort)
    .map((port) =>
      port.protocol === 'detect' && carriesGrpc(port)
        ? { ...port, protocol: 'grpc' as const }
        : port,
    );
  if (ports.length === 0) return undefined;
  const { namespace, name } = object.metadata;
  const service: Service = {
    ...{ kind: 'service', namespace, name, addresses: object.clusterIps, ports },
  };
  // Headless: the client picks the endpoint itself.
  return object.sessionAffinity === 'ClientIP' && object.clusterIps.length > 0
    ? { ...service, sessionAffinity: 'ClientIP' }
    : service;
}

function toPort(port: ServicePort): Port {
  return { port: port.port, name: port.name, protocol: protocolOf(port) };
}
