import { AdminServer } from '../runtime/admin-server.ts';
import { ControlPlaneConnection } from '../runtime/identity/control-plane-connection.ts';
import type { Log } from '../runtime/log.ts';
import { ConfigCache } from './config/cache.ts';
import { ConfigClient } from './config/client.ts';
import { ConfigStore } from './config/store.ts';
import type { ControlPlaneSource } from './environment.ts';
import { IssuedIdentity } from './identity/issued-identity.ts';
import { Campaign } from './patterns/leader-election/campaign.ts';
import { leaderRoutes } from './patterns/leader-election/local-api.ts';
import type { Source } from './source.ts';
import type { Counters } from './telemetry/counters.ts';
import { TrafficReporter } from './telemetry/report.ts';

/** A sidecar of a mesh: four streams to the control plane, and what they bring. */
export function createControlPlaneSource(
  environment: ControlPlaneSource,
  counters: Counters,
  log: Log,
): Source {
  const { pod, stateDirectory, localApiAddress } = environment;
  const connection = new ControlPlaneConnection(environment.controlPlane);
  // Renewals of leases must not wait behind anything else.
  const electionConnection = new ControlPlaneConnection(environment.controlPlane);

  const store = new ConfigStore();
  const cache = new ConfigCache(stateDirectory, log);
  const config = new ConfigClient({ connection, store, cache, pod, log });
  const identity = new IssuedIdentity({ connection, stateDirectory, log });
  const reporter = new TrafficReporter({ connection, counters, log });
  const campaign = new Campaign({
    connection: electionConnection,
    config: store,
    pod: pod.pod,
    log,
  });
  const localApi = new AdminServer('local API', localApiAddress, leaderRoutes(campaign));

  return {
    store,
    certificates: identity.source,
    needsCertificate: true,
    pod: { name: pod.pod, namespace: pod.namespace, addresses: pod.addresses },
    listeners: {
      outbound: {
        address: environment.outboundAddress,
        redirect: environment.interception === 'redirect',
      },
      // Without redirection nobody comes here: clients reach the application's port itself.
      inbound:
        environment.interception === 'redirect'
          ? { address: environment.inboundAddress, application: undefined }
          : undefined,
      trunk: environment.trunkAddress,
      destinations: [],
    },
    components: [
      {
        name: 'connection to the control plane',
        start: () => {},
        stop: () => connection.close(),
      },
      cache,
      config,
      identity,
      reporter,
    ],
    patterns: [
      {
        name: 'connection for elections',
        start: () => {},
        stop: () => electionConnection.close(),
      },
      campaign,
      localApi,
    ],
    ports: [localApiAddress.port],
    facts: {
      configAgeMs: () => config.ageMs,
      configRefusals: () => config.refused,
      controlPlaneConnected: () => config.connected,
    },
  };
}
