import type { ExternalServiceObject } from '../watch/custom-kinds.ts';
import { type AttachedPolicy, decidingOn, settle, type TargetKey } from './attachment.ts';
import { sharedIn } from './rate-limits.ts';
import type { ExternalService } from './types.ts';

/** An ExternalService without its policy; undefined when it cannot be understood. */
export function toExternalService(
  object: ExternalServiceObject,
): Omit<ExternalService, 'policy'> | undefined {
  const { spec, metadata } = object;
  if (spec === undefined) return undefined;
  return {
    kind: 'external',
    namespace: metadata.namespace,
    name: metadata.name,
    hosts: spec.hosts,
    ports: spec.ports.map(({ port, protocol, targetPort = port, tls }) => ({
      port,
      protocol: PROTOCOLS[protocol],
      targetPort,
      ...(tls && {
        tls: { serverName: tls.serverName ?? '', caCertificates: tls.caCertificates ?? '' },
      }),
    })),
    endpoints: spec.endpoints ?? [],
  };
}

const PROTOCOLS = { HTTP: 'http1', TLS: 'tls', TCP: 'tcp' } as const;

/** The same with what policies say of it. */
export function withPolicy(
  external: Omit<ExternalService, 'policy'>,
  policies: (target: TargetKey) => readonly AttachedPolicy[],
): ExternalService {
  const { namespace, name } = external;
  const deciding = decidingOn([`ExternalService/${namespace}/${name}`], policies);
  const policy = sharedIn(settle({}, deciding), { kind: 'ExternalService', namespace, name });
  return { ...external, policy };
}
