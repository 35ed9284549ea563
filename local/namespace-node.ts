import { writeFile } from 'node:fs/promises';
import { runCommand } from './command.ts';
import { DnsServer } from './dns-server.ts';
import { DnsZone } from './dns-zone.ts';
import type { LocalNode, PodNetwork, PodNetworkRequest } from './local-node.ts';
import { NamespacePod } from './namespace-pod.ts';
import { serviceJumps, serviceRules } from './service-rules.ts';
import type { ServedService } from './services.ts';

/** First two octets of all addresses. The network exists in our namespace only and can collide with none. */
export const NETWORK_PREFIX = '10.199';

const BRIDGE = 'remora0';
const BRIDGE_ADDRESS = `${NETWORK_PREFIX}.0.1`;

/** How the rules tell the sidecar's connections from the application's. */
export type SidecarIdentification =
  /** As in a cluster: the sidecar has a user of its own. */
  | 'uid'
  /** Where only one user is mapped: the sidecar uses a second address of the pod. */
  | 'address';

/**
 * A node made of network namespaces: a bridge, a pair of veths for each pod,
 * services by rules in the node's own namespace, as kube-proxy writes them.
 *
 * Pods have addresses of their own (/32) and reach each other through the node
 * only, so that replies, too, pass the rules that translate cluster IPs.
 */
export class NamespaceNode implements LocalNode {
  readonly address = BRIDGE_ADDRESS;
  readonly #identification: SidecarIdentification;
  readonly #dns: DnsServer;
  readonly #zone = new DnsZone('cluster.local');
  #lastPod = 0;
  #rules = '';

  constructor(identification: SidecarIdentification) {
    this.#identification = identification;
    this.#dns = new DnsServer({ host: BRIDGE_ADDRESS, port: 53 }, this.#zone);
  }

  async start(): Promise<void> {
    await runCommand('ip', ['-batch', '-'], {
      input: [
        'link set lo up',
        `link add ${BRIDGE} type bridge`,
        `address add ${BRIDGE_ADDRESS}/17 dev ${BRIDGE}`,
        `link set ${BRIDGE} up`,
        // Cluster IPs belong to nobody: without a route the rules would never see them.
        `route add ${NETWORK_PREFIX}.128.0/17 dev ${BRIDGE}`,
        '',
      ].join('\n'),
    });
    await writeFile('/proc/sys/net/ipv4/ip_forward', '1');
    for (const device of ['all', BRIDGE]) {
      // Pods on one bridge would be told to speak to each other directly, past the rules.
      await writeFile(`/proc/sys/net/ipv4/conf/${device}/send_redirects`, '0');
    }
    await runCommand('iptables-restore', ['--noflush'], { input: serviceJumps() });
    await this.#dns.start();
  }

  async createNetwork(request: PodNetworkRequest): Promise<PodNetwork> {
    this.#lastPod += 1;
    return new NamespacePod({
      request,
      number: this.#lastPod,
      prefix: NETWORK_PREFIX,
      bridge: BRIDGE,
      gateway: BRIDGE_ADDRESS,
      identification: this.#identification,
    });
  }

  async updateServices(services: readonly ServedService[]): Promise<void> {
    this.#zone.update(services);
    const rules = serviceRules(services);
    if (rules === this.#rules) return;
    await runCommand('iptables-restore', ['--noflush'], { input: rules });
    this.#rules = rules;
  }

  async stop(): Promise<void> {
    await this.#dns.stop();
    await runCommand('ip', ['link', 'delete', BRIDGE]);
  }
}
