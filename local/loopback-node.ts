import { type ChildProcess, spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { ANNOTATION, PORT } from '../proto/well-known.ts';
import type { SocketAddress } from '../runtime/env.ts';
import { systemPath } from './command.ts';
import { FreePorts } from './free-ports.ts';
import type { LocalNode, PodNetwork, PodNetworkRequest, PodProcess } from './local-node.ts';
import { ServiceProxy } from './service-proxy.ts';
import type { ServedService } from './services.ts';

/**
 * A node without namespaces: all pods share the machine's loopback interface.
 *
 * Nothing is intercepted. A program takes its port from `PORT` and reaches
 * services through the proxy in `HTTP_PROXY`: its sidecar, or, outside the mesh,
 * a proxy of local mode that stands in for cluster IPs and DNS.
 */
export class LoopbackNode implements LocalNode {
  readonly address = '127.0.0.1';
  readonly #ports = new FreePorts();
  readonly #proxies = new Set<ServiceProxy>();
  #services: readonly ServedService[] = [];
  #lastPod = 0;

  start(): Promise<void> {
    return Promise.resolve();
  }

  /** For the control plane, too. */
  freePort(): Promise<number> {
    return this.#ports.take();
  }

  async createNetwork({ pod, namespace }: PodNetworkRequest): Promise<PodNetwork> {
    this.#lastPod += 1;
    // Linux has all of 127.0.0.0/8, other systems 127.0.0.1 alone.
    const number = this.#lastPod;
    const address =
      process.platform === 'linux'
        ? `127.77.${Math.floor(number / 250)}.${(number % 250) + 1}`
        : '127.0.0.1';
    const application = new Map<string, number>();
    const moved = new Map<number, number>();
    for (const container of pod.spec.containers) {
      const port = await this.#ports.take();
      application.set(container.name, port);
      const declared = container.ports?.[0]?.containerPort;
      if (declared !== undefined) moved.set(declared, port);
    }
    const sidecar = {
      outbound: await this.#ports.take(),
      inbound: await this.#ports.take(),
      trunk: await this.#ports.take(),
      localApi: await this.#ports.take(),
      admin: await this.#ports.take(),
      health: await this.#ports.take(),
    };
    const proxy = new ServiceProxy(namespace, () => this.#services);
    return new LoopbackPod({
      address,
      application,
      moved,
      sidecar,
      start: async () => {
        this.#proxies.add(proxy);
        await proxy.start();
      },
      stop: async () => {
        this.#proxies.delete(proxy);
        await proxy.stop();
      },
      proxyPort: () => proxy.port,
    });
  }

  updateServices(services: readonly ServedService[]): Promise<void> {
    this.#services = services;
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#proxies].map((proxy) => proxy.stop()));
  }
}

interface SidecarPorts {
  outbound: number;
  inbound: number;
  trunk: number;
  localApi: number;
  admin: number;
  health: number;
}

interface LoopbackPodOptions {
  address: string;
  /** The port of each container's program. */
  application: ReadonlyMap<string, number>;
  /** From the port in the manifest to the one in use. */
  moved: ReadonlyMap<number, number>;
  sidecar: SidecarPorts;
  start: () => Promise<void>;
  stop: () => Promise<void>;
  proxyPort: () => number;
}

class LoopbackPod implements PodNetwork {
  readonly address: string;
  readonly intercepts = false;
  readonly annotations: Record<string, string>;
  readonly sidecarEnv: Record<string, string>;
  readonly rulesEnv = {};
  readonly #options: LoopbackPodOptions;

  constructor(options: LoopbackPodOptions) {
    const { address, sidecar } = options;
    this.#options = options;
    this.address = address;
    this.annotations = { [ANNOTATION.trunkPort]: String(sidecar.trunk) };
    this.sidecarEnv = {
      REMORA_INTERCEPTION: 'explicit',
      REMORA_OUTBOUND_ADDRESS: `127.0.0.1:${sidecar.outbound}`,
      REMORA_INBOUND_ADDRESS: `127.0.0.1:${sidecar.inbound}`,
      REMORA_TRUNK_ADDRESS: `${address}:${sidecar.trunk}`,
      REMORA_LOCAL_API_ADDRESS: `127.0.0.1:${sidecar.localApi}`,
      REMORA_ADMIN_ADDRESS: `127.0.0.1:${sidecar.admin}`,
      REMORA_HEALTH_ADDRESS: `127.0.0.1:${sidecar.health}`,
    };
  }

  applicationEnv(container: string, injected: boolean): Record<string, string> {
    const { application, sidecar, proxyPort } = this.#options;
    const proxy = `http://127.0.0.1:${injected ? sidecar.outbound : proxyPort()}`;
    const direct = '127.0.0.1,localhost';
    return {
      PORT: String(application.get(container) ?? ''),
      HTTP_PROXY: proxy,
      http_proxy: proxy,
      NO_PROXY: direct,
      no_proxy: direct,
      // Node heeds these variables only when told so.
      NODE_USE_ENV_PROXY: '1',
      // Where the sidecar's local API is, in a cluster always 127.0.0.1:15004.
      ...(injected ? { REMORA_LOCAL_API: `http://127.0.0.1:${sidecar.localApi}` } : {}),
    };
  }

  realPort(containerPort: number): number {
    return this.#options.moved.get(containerPort) ?? containerPort;
  }

  reach(containerPort: number): SocketAddress {
    const { sidecar } = this.#options;
    if (containerPort === PORT.health) return { host: '127.0.0.1', port: sidecar.health };
    return { host: '127.0.0.1', port: this.realPort(containerPort) };
  }

  start(): Promise<void> {
    return this.#options.start();
  }

  spawn({ command, env, output }: PodProcess): ChildProcess {
    return spawn(command.command, command.args, {
      cwd: command.workingFolder,
      stdio: ['ignore', output, output],
      // A group of its own: a Ctrl-C in the terminal must not reach it past us.
      detached: true,
      env: {
        PATH: `${dirname(process.execPath)}:${systemPath()}`,
        HOME: process.env.HOME ?? '/',
        ...env,
      },
    });
  }

  stop(): Promise<void> {
    return this.#options.stop();
  }
}
