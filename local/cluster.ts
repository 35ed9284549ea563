import { describeError } from '../runtime/errors.ts';
import type { LocalNode } from './local-node.ts';
import type { Manifests } from './manifests.ts';
import { LocalPod } from './pod.ts';
import type { PodSurroundings } from './pod-containers.ts';
import type { Problem } from './problems.ts';
import { PublishedObjects } from './published-objects.ts';
import { reconcile } from './reconcile.ts';
import { ClusterIps, endpointSlices, type ServedService, serveServices } from './services.ts';
import { desiredWorkloads, type Workload } from './workloads.ts';

export interface ClusterOptions {
  readonly manifests: Manifests;
  readonly node: LocalNode;
  readonly surroundings: Omit<PodSurroundings, 'onChange' | 'namespaceLabels'>;
  /** The folder for the objects that the cluster makes. */
  readonly objectsFolder: string;
  /** First two octets of cluster IPs. */
  readonly networkPrefix: string;
}

/** How often the manifests are looked at. A poll works on every file system and with every editor. */
const POLL_MS = 250;

/**
 * Scheduler, controllers and kubelet in small: keeps the pods that the manifests
 * want, and publishes Services, Pods and EndpointSlices for the control plane.
 */
export class Cluster {
  readonly #options: ClusterOptions;
  readonly #published: PublishedObjects;
  readonly #addresses: ClusterIps;
  #pods: LocalPod[] = [];
  #workloads: Workload[] = [];
  #services: ServedService[] = [];
  #poll: NodeJS.Timeout | undefined;
  #stopping = false;
  /** One turn of the loop at a time; a change in between asks for another. */
  #turning: Promise<void> | undefined;
  #again = false;
  #problem: Problem | undefined;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#published = new PublishedObjects(options.objectsFolder);
    this.#addresses = new ClusterIps(options.networkPrefix);
  }

  get pods(): readonly LocalPod[] {
    return this.#pods;
  }

  get workloads(): readonly Workload[] {
    return this.#workloads;
  }

  get services(): readonly ServedService[] {
    return this.#services;
  }

  get problems(): Problem[] {
    return [
      ...this.#options.manifests.problems,
      ...this.#pods.flatMap((pod) => pod.problems),
      ...(this.#problem === undefined ? [] : [this.#problem]),
    ];
  }

  /** Publishes services before any pod exists, so that the control plane can start on them. */
  async start(): Promise<void> {
    await this.#published.start();
    await this.#options.manifests.refresh();
    await this.#publish();
  }

  /** Starts the pods, and from then on follows the manifests. */
  run(): void {
    this.#turn();
    const poll = async (): Promise<void> => {
      try {
        if (await this.#options.manifests.refresh()) this.#turn();
        this.#problem = undefined;
      } catch (error) {
        this.#problem = { where: 'manifests', message: describeError(error) };
      }
      if (!this.#stopping) this.#poll = setTimeout(() => void poll(), POLL_MS);
    };
    this.#poll = setTimeout(() => void poll(), POLL_MS);
  }

  async stop(patience: AbortSignal): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#poll);
    await this.#turning;
    await Promise.all(this.#pods.map((pod) => pod.stop(patience)));
  }

  #turn(): void {
    this.#again = true;
    this.#turning ??= this.#run().finally(() => {
      this.#turning = undefined;
    });
  }

  async #run(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      try {
        if (!this.#stopping) this.#reconcile();
        await this.#publish();
        this.#problem = undefined;
      } catch (error) {
        this.#problem = { where: 'local mode', message: describeError(error) };
      }
    }
  }

  #reconcile(): void {
    this.#workloads = desiredWorkloads(this.#options.manifests);
    const { create, stop } = reconcile(this.#workloads, this.#pods);
    for (const pod of stop) void this.#remove(pod);
    for (const { workload, name } of create) {
      const pod = new LocalPod(workload, name, {
        ...this.#options.surroundings,
        onChange: () => this.#turn(),
        namespaceLabels: (namespace) => this.#namespaceLabels(namespace),
      });
      this.#pods.push(pod);
      void pod.start();
    }
  }

  async #remove(pod: LocalPod): Promise<void> {
    try {
      await pod.stop();
    } catch (error) {
      this.#problem = { where: `Pod ${pod.namespace}/${pod.name}`, message: describeError(error) };
    }
    this.#pods = this.#pods.filter((other) => other !== pod);
    this.#turn();
  }

  async #publish(): Promise<void> {
    const { manifests, node } = this.#options;
    const served = this.#pods.flatMap((pod) => pod.served ?? []);
    this.#services = serveServices(manifests.list('Service'), served, this.#addresses);
    await this.#published.publish([
      ...this.#missingNamespaces(),
      ...this.#services.map(({ object, clusterIp }) =>
        clusterIp === undefined
          ? object
          : {
              ...object,
              spec: { ...object.spec, clusterIP: clusterIp, clusterIPs: [clusterIp] },
            },
      ),
      ...this.#pods.flatMap((pod) => pod.published ?? []),
      ...this.#services.flatMap(endpointSlices),
    ]);
    await node.updateServices(this.#services);
  }

  /** Namespaces that are used and that no manifest declares. */
  #missingNamespaces(): object[] {
    const declared = new Set(this.#options.manifests.list('Namespace').map((n) => n.metadata.name));
    const used = new Set([
      ...this.#workloads.map((workload) => workload.namespace),
      ...this.#services.map((service) => service.namespace),
    ]);
    return [...used]
      .filter((name) => !declared.has(name))
      .map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }));
  }

  #namespaceLabels(namespace: string): Readonly<Record<string, string>> {
    const found = this.#options.manifests
      .list('Namespace')
      .find((candidate) => candidate.metadata.name === namespace);
    return found?.metadata.labels ?? {};
  }
}
