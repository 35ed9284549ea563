import { isIP } from 'node:net';
import type { ExternalPort__Output } from '../../proto/gen/remora/v1/ExternalPort.ts';
import type { ExternalService__Output } from '../../proto/gen/remora/v1/ExternalService.ts';
import type { Place } from './place.ts';
import type { ExternalPort, ExternalService, Policy, Settings } from './types.ts';

/* What concerns the world outside of the mesh, as strict as `decode.ts`. */

const PROTOCOLS: Readonly<Record<string, ExternalPort['protocol']>> = {
  HTTP1: 'http1',
  TLS: 'tls',
  TCP: 'tcp',
};

export function decodeExternal(
  { namespace, name, hosts, ports, endpoints }: ExternalService__Output,
  policy: Policy,
  at: Place,
): ExternalService {
  if (hosts.length === 0) at.in('hosts').fail('it is empty');
  const decoded = ports.map((port, i) => decodePort(port, at.in(`ports[${i}]`)));
  at.in('ports').unique(decoded.map(({ port }) => port));
  return {
    namespace,
    name,
    hosts: hosts.map((host, i) => at.in(`hosts[${i}]`).hostPattern(host)),
    ports: decoded,
    endpoints: endpoints.map((endpoint, i) =>
      isIP(endpoint) === 0 ? at.in(`endpoints[${i}]`).hostPattern(endpoint) : endpoint,
    ),
    policy,
  };
}

function decodePort(
  { port, protocol, targetPort, tls }: ExternalPort__Output,
  at: Place,
): ExternalPort {
  const known = PROTOCOLS[protocol] ?? at.in('protocol').fail(`${protocol} is not possible here`);
  return {
    port: at.in('port').port(port),
    protocol: known,
    targetPort: at.in('targetPort').port(targetPort),
    ...(tls && { tls: { serverName: tls.serverName, caCertificates: tls.caCertificates } }),
  };
}

export function decodeEgress(mode: string, at: Place): Pick<Settings, 'egress'> {
  if (mode === 'ALLOW') return {};
  if (mode === 'REGISTERED_ONLY') return { egress: 'registered-only' };
  return at.fail(`the value ${mode} is unknown to this sidecar`);
}
