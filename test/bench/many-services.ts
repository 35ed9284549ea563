import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { SIDECAR_NODE_FLAGS } from '../../injector/container.ts';
import { freePorts } from '../fakes/sidecar-process.ts';
import { until } from '../fakes/until.ts';
import type { Command, Running } from './children.ts';
import type { Lab, Plan } from './lab.ts';
import { POD_ADDRESSES } from './origin.ts';

const NAMESPACE = 'demo';
const SERVER_NAME = 'remora-control-plane';

/** Pods behind a service that nobody calls. */
export function unusedPods(service: number): string[] {
  return POD_ADDRESSES.map((_, i) => `10.${128 + (service >> 8)}.${service & 255}.${i + 1}`);
}

/**
 * Our control plane, with a mesh of services with ten endpoints each. The first ones
 * lead to a sidecar in front of the origin, which stands for ten pods.
 */
export class ManyServices {
  readonly #lab: Lab;
  readonly #folder: string;
  readonly #key = randomBytes(32);
  readonly #grpc: number;
  readonly #trunk: number;
  readonly #controlPlane: Running;

  private constructor(lab: Lab, folder: string, ports: readonly number[]) {
    const [grpc = 0, admin = 0, trunk = 0] = ports;
    this.#lab = lab;
    this.#folder = folder;
    this.#grpc = grpc;
    this.#trunk = trunk;
    writeFileSync(join(folder, 'token-key'), this.#key);
    this.#controlPlane = lab.children.start({
      file: process.execPath,
      args: [join(lab.bundle, 'control-plane.js')],
      env: {
        NODE_ENV: 'production',
        REMORA_RESOURCES: `files:${join(folder, 'manifests')}`,
        REMORA_GRPC_ADDRESS: `127.0.0.1:${grpc}`,
        REMORA_ADMIN_ADDRESS: `127.0.0.1:${admin}`,
        REMORA_STATE_DIR: join(folder, 'state'),
        REMORA_LOCAL_TOKEN_KEY: join(folder, 'token-key'),
        REMORA_SERVER_NAMES: SERVER_NAME,
      },
    });
  }

  /** @param used how many of the services are called */
  static async start(lab: Lab, services: number, used: number): Promise<ManyServices> {
    const folder = join(lab.directory, 'many-services');
    const manifests = join(folder, 'manifests');
    mkdirSync(manifests, { recursive: true });
    const ports = await freePorts(3);
    for (let i = 0; i < services; i += 1) {
      const addresses = i < used ? POD_ADDRESSES : unusedPods(i);
      const documents = serviceManifests(i, addresses, lab.origin.http1);
      writeFileSync(join(manifests, `${i}.yaml`), asYaml(documents));
    }
    writeFileSync(join(manifests, 'pods.yaml'), asYaml(podManifests(ports[2] ?? 0)));
    const mesh = new ManyServices(lab, folder, ports);
    await until(() => existsSync(mesh.#roots), 'the roots of the mesh', 60_000);
    return mesh;
  }

  /** A sidecar that is an HTTP proxy for one client, and the one that it calls. */
  async plan(): Promise<Plan & { readonly proxyPort: number }> {
    const [proxyPort = 0, clientTrunk = 0, ...ports] = await freePorts(9);
    const client = await this.#sidecar('client', {
      addresses: ['127.0.0.1'],
      trunk: `127.0.0.1:${clientTrunk}`,
      ports: [proxyPort, ...ports.slice(0, 3)],
    });
    const served = await this.#sidecar('served', {
      addresses: POD_ADDRESSES,
      trunk: `0.0.0.0:${this.#trunk}`,
      ports: ports.slice(3),
    });
    return { commands: [client, served], ports: [], proxyPort };
  }

  async stop(): Promise<void> {
    await this.#controlPlane.stop();
  }

  get #roots(): string {
    return join(this.#folder, 'state', 'roots.pem');
  }

  async #sidecar(
    name: 'client' | 'served',
    place: { addresses: readonly string[]; trunk: string; ports: readonly number[] },
  ): Promise<Command> {
    const [outbound, admin, health, localApi] = place.ports;
    const pod = `${name}-1`;
    const tokenPath = join(this.#folder, `${pod}.token`);
    const token = await new SignJWT({ namespace: NAMESPACE, serviceAccount: name, pod })
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuer('remora-local')
      .setAudience('remora')
      .setExpirationTime('1h')
      .sign(this.#key);
    writeFileSync(tokenPath, token);
    return {
      file: process.execPath,
      args: [...SIDECAR_NODE_FLAGS, join(this.#lab.bundle, 'sidecar.js')],
      env: {
        NODE_ENV: 'production',
        REMORA_CONTROL_PLANE: `127.0.0.1:${this.#grpc}`,
        REMORA_CONTROL_PLANE_NAME: SERVER_NAME,
        REMORA_TRUST_BUNDLE: this.#roots,
        REMORA_TOKEN_PATH: tokenPath,
        REMORA_STATE_DIR: join(this.#folder, pod),
        REMORA_POD_NAME: pod,
        REMORA_POD_NAMESPACE: NAMESPACE,
        REMORA_POD_ADDRESSES: place.addresses.join(','),
        REMORA_SERVICE_ACCOUNT: name,
        REMORA_OUTBOUND_ADDRESS: `127.0.0.1:${outbound}`,
        REMORA_ADMIN_ADDRESS: `127.0.0.1:${admin}`,
        REMORA_HEALTH_ADDRESS: `127.0.0.1:${health}`,
        REMORA_TRUNK_ADDRESS: place.trunk,
        REMORA_LOCAL_API_ADDRESS: `127.0.0.1:${localApi}`,
        REMORA_INTERCEPTION: 'explicit',
        REMORA_DRAIN_SECONDS: '1',
      },
    };
  }
}

function asYaml(documents: readonly object[]): string {
  return documents.map((document) => JSON.stringify(document)).join('\n---\n');
}

function serviceManifests(index: number, addresses: readonly string[], port: number): object[] {
  const name = `service-${index}`;
  const clusterIP = `10.96.${index >> 8}.${index & 255}`;
  const ports = [{ name: 'http', port: 80, targetPort: port }];
  return [
    {
      ...{ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: NAMESPACE } },
      spec: { clusterIP, clusterIPs: [clusterIP], ports },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        ...{ name: `${name}-1`, namespace: NAMESPACE },
        labels: { 'kubernetes.io/service-name': name },
      },
      addressType: 'IPv4',
      endpoints: addresses.map((address, i) => ({
        addresses: [address],
        conditions: { ready: true },
        targetRef: { kind: 'Pod', name: `served-${i + 1}`, namespace: NAMESPACE },
      })),
      ports: [{ name: 'http', port, protocol: 'TCP' }],
    },
  ];
}

function podManifests(trunkPort: number): object[] {
  const pod = (name: string, address: string): object => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...{ name, namespace: NAMESPACE, labels: { 'remora.dev/sidecar': 'enabled' } },
      annotations: { 'remora.dev/trunk-port': String(trunkPort) },
    },
    spec: { serviceAccountName: name.replace(/-\d+$/, ''), containers: [{ name: 'app' }] },
    status: {
      ...{ phase: 'Running', podIP: address, podIPs: [{ ip: address }] },
      conditions: [{ type: 'Ready', status: 'True' }],
    },
  });
  const labels = { 'remora.dev/inject': 'enabled' };
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE, labels } },
    pod('client-1', '127.0.0.1'),
    ...POD_ADDRESSES.map((address, i) => pod(`served-${i + 1}`, address)),
  ];
}
