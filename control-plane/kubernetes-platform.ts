import { KubeConfig } from '@kubernetes/client-node';
import { CONTROL_PLANE_NAME } from '../proto/well-known.ts';
import { KubernetesLeaseStore } from './election/kubernetes-leases.ts';
import { KubernetesCaStore } from './identity/ca-store.ts';
import { TokenReviewAuthenticator } from './identity/token-review.ts';
import { TrustBundleWriter } from './identity/trust-bundle.ts';
import type { Platform, PlatformOptions } from './platform.ts';
import { KubernetesStatusSink } from './status/sinks.ts';
import { chooseWriter } from './status/writer-choice.ts';
import { connectionOf, KubernetesApi } from './watch/kubernetes-api.ts';
import { KubernetesSource } from './watch/kubernetes-source.ts';

/** Resources, identities and state in a Kubernetes API: in a pod, or by KUBECONFIG. */
export function kubernetesPlatform(options: PlatformOptions): Platform {
  const { config, metrics, clock, log } = options;
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromDefault();
  const connection = connectionOf(kubeConfig);
  const api = new KubernetesApi(connection);
  // Renewals of leases never wait for a connection that something else uses.
  const leaseApi = new KubernetesApi(connection);
  return {
    source: new KubernetesSource({ api, log, clock, registry: metrics.registry }),
    authenticator: new TokenReviewAuthenticator(api, clock),
    caStore: new KubernetesCaStore(api, config.namespace),
    leaseStore: new KubernetesLeaseStore(leaseApi, () => clock.wallMs()),
    statusSink: new KubernetesStatusSink(api),
    writesStatus: (mesh) => {
      const pods = mesh.model.podsByNamespace.get(config.namespace) ?? [];
      // Run by hand beside a cluster without replicas, it is the only one.
      return (chooseWriter(pods, CONTROL_PLANE_NAME) ?? config.podName) === config.podName;
    },
    attend: (mesh, authority) => [
      new TrustBundleWriter({
        ...{ api, authority, clock, log },
        namespaces: mesh.model.namespaces,
        ownNamespace: config.namespace,
      }),
    ],
  };
}
