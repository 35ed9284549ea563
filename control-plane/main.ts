import { CONTROL_PLANE_NAME } from '../proto/well-known.ts';
import { AdminServer, jsonResponse, readiness } from '../runtime/admin-server.ts';
import { systemClock } from '../runtime/clock.ts';
import { describeError } from '../runtime/errors.ts';
import { createLog } from '../runtime/log.ts';
import { run } from '../runtime/process.ts';
import { type ControlPlaneConfig, readConfig } from './config.ts';
import { configDump } from './config-dump.ts';
import { createElectionService, Elections } from './election/service.ts';
import { CertificateAuthority } from './identity/authority.ts';
import { createIdentityService } from './identity/service.ts';
import { ServingCertificate } from './identity/serving-certificate.ts';
import { createMetrics } from './metrics.ts';
import { PolicyExpiry } from './model/expiry.ts';
import type { Platform, PlatformOptions } from './platform.ts';
import { createMeshState } from './snapshot/mesh-state.ts';
import { StatusWriter } from './status/writer.ts';
import { StreamCalls } from './stream/call.ts';
import { createConfigService } from './stream/config-service.ts';
import { RenewableServerCredentials, StreamServer } from './stream/server.ts';
import { ConfigSessions } from './stream/sessions.ts';
import { TrafficAggregate } from './telemetry/aggregate.ts';
import { createTelemetryService } from './telemetry/service.ts';

/** How long sidecars have to leave when the control plane stops. */
const DRAIN_TIMEOUT_MS = 10_000;
const CA_POLL_MS = 15_000;

/** The control plane, put together in the order in which its parts start. */
async function main(config: ControlPlaneConfig): Promise<never> {
  const { trustDomain, namespace, leafLifetimeMs, rootLifetimeMs } = config;
  const clock = systemClock;
  const log = createLog('control-plane', config.logLevel);
  const metrics = createMetrics();

  // Where it runs: resources, credentials, and where its state is kept.
  const platform = await createPlatform({ config, metrics, clock, log });
  const { source, authenticator } = platform;

  // The mesh, derived from the resources.
  const mesh = createMeshState({ source, trustDomain, systemNamespace: namespace });

  // Certificates.
  const authority = new CertificateAuthority({
    ...{ leafLifetimeMs, rootLifetimeMs, clock, log },
    store: platform.caStore,
    pollMs: CA_POLL_MS,
  });
  const credentials = new RenewableServerCredentials();
  const servingCertificate = new ServingCertificate({
    ...{ authority, trustDomain, namespace, clock, log },
    serverNames: config.serverNames,
    serviceAccount: CONTROL_PLANE_NAME,
    use: (chain, key) => credentials.update(chain, key),
  });
  const components = platform.attend(mesh, authority);

  // Policies whose time is over.
  const expiry = new PolicyExpiry(mesh.model.policies, clock);

  // What is said of routes, policies and elections.
  const statuses = new StatusWriter({
    ...{ model: mesh.model, judged: mesh.judged, clock, log },
    sink: platform.statusSink,
    isWriter: () => platform.writesStatus(mesh),
  });

  // The four services, on one server.
  const calls = new StreamCalls({ authenticator, metrics, log });
  const sessions = new ConfigSessions(mesh, clock);
  const elections = new Elections({
    ...{ metrics, clock, log },
    state: mesh,
    store: platform.leaseStore,
    onLeader: (electionNamespace, election, { holder, fencingToken }) =>
      statuses.leaderChanged(electionNamespace, election, holder, fencingToken),
  });
  const traffic = new TrafficAggregate(clock);
  const server = new StreamServer({
    ...{ calls, credentials },
    address: config.grpcAddress,
    services: [
      createConfigService({
        ...{ calls, sessions, metrics, clock, log },
        state: mesh,
        refusals: statuses,
      }),
      createIdentityService({ calls, authority, trustDomain, namespace, metrics, clock }),
      createElectionService(calls, elections),
      createTelemetryService(calls, traffic, metrics),
    ],
  });

  // What the process tells of itself.
  metrics.observe(
    'connected_sidecars',
    'Sidecars with a configuration stream.',
    () => sessions.size,
  );
  metrics.observe(
    'issuer_not_after_timestamp_seconds',
    'When the certificate that issues all others ends.',
    () => (authority.ready ? authority.issuerNotAfterMs / 1000 : 0),
  );
  metrics.observe(
    'serving_certificate_not_after_timestamp_seconds',
    'When the certificate of the gRPC server ends.',
    () => servingCertificate.notAfterMs / 1000,
  );
  metrics.observe('edges', 'Edges of traffic that are remembered.', () => traffic.size);
  const admin = new AdminServer('admin', config.adminAddress, {
    '/live': () => ({ body: 'live\n' }),
    '/ready': readiness({
      resources: () => mesh.synced,
      'certificate authority': () => authority.ready,
      'gRPC server': () => server.port !== 0,
    }),
    '/metrics': async () => ({
      contentType: metrics.registry.contentType,
      body: await metrics.registry.metrics(),
    }),
    '/config_dump': configDump({ mesh, sessions, elections, sink: platform.statusSink }),
    '/telemetry': () => jsonResponse({ windowSeconds: 10, edges: traffic.edges() }),
  });

  return await run(
    [
      admin,
      source,
      expiry,
      authority,
      servingCertificate,
      statuses,
      ...components,
      sessions,
      elections,
      server,
    ],
    { log, drainTimeoutMs: DRAIN_TIMEOUT_MS },
  );
}

/** Each platform is loaded when it is used: the Kubernetes client alone takes 80 MB. */
async function createPlatform(options: PlatformOptions): Promise<Platform> {
  const { resources } = options.config;
  if (resources.kind === 'kubernetes') {
    return (await import('./kubernetes-platform.ts')).kubernetesPlatform(options);
  }
  return (await import('./files-platform.ts')).filesPlatform(resources, options);
}

try {
  await main(readConfig(process.env));
} catch (error) {
  createLog('control-plane').fatal({ error: describeError(error) }, 'start failed');
  process.exitCode = 1;
}
