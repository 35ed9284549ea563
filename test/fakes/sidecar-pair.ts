import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePorts, SidecarProcess } from './sidecar-process.ts';

const CERTIFICATES = fileURLToPath(
  new URL('../../examples/static-config/certificates.mjs', import.meta.url),
);

export interface SidecarPairOptions {
  /** For certificates and configurations. */
  readonly directory: string;
  /** Where the application listens on 127.0.0.1. */
  readonly applicationPort: number;
  /** More of the environment of both processes. */
  readonly environment?: Readonly<Record<string, string>>;
}

/**
 * Two sidecar processes in front of an application: one beside it, with a plain
 * port and the trunk, and one beside a client, whose rule looks at the path.
 */
export class SidecarPair implements AsyncDisposable {
  /** Plain, as from outside of the mesh. */
  readonly inboundPort: number;
  /** Of the client's sidecar: through the trunk to the application's. */
  readonly outboundPort: number;
  readonly trunkPort: number;
  /** What the application is told of who called through the trunk. */
  readonly clientTrust = 'URI=spiffe://example.local/ns/demo/sa/client';
  readonly inbound: SidecarProcess;
  readonly outbound: SidecarProcess;

  private constructor(ports: number[], options: SidecarPairOptions) {
    const [plain = 0, service = 0, trunk = 0, ...ofProcesses] = ports;
    const [inboundAdmin = 0, inboundHealth = 0, outboundAdmin = 0, outboundHealth = 0] =
      ofProcesses;
    this.inboundPort = plain;
    this.outboundPort = service;
    this.trunkPort = trunk;
    const { directory, applicationPort, environment } = options;
    const start = (
      name: string,
      admin: number,
      health: number,
      configuration: object,
    ): SidecarProcess => {
      const path = join(directory, `${name}.json`);
      writeFileSync(path, JSON.stringify(configuration));
      return new SidecarProcess(
        { admin, health },
        { REMORA_STATIC_CONFIG: path, REMORA_DRAIN_SECONDS: '1', ...environment },
      );
    };
    const ofServer = serverConfiguration(plain, trunk, applicationPort);
    const ofClient = clientConfiguration(service, trunk, applicationPort);
    this.inbound = start('greeter-1', inboundAdmin, inboundHealth, ofServer);
    this.outbound = start('client-1', outboundAdmin, outboundHealth, ofClient);
  }

  static async start(options: SidecarPairOptions): Promise<SidecarPair> {
    execFileSync(process.execPath, [CERTIFICATES, options.directory]);
    const pair = new SidecarPair(await freePorts(7), options);
    await Promise.all([pair.inbound.ready(), pair.outbound.ready()]);
    return pair;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.inbound[Symbol.asyncDispose](), this.outbound[Symbol.asyncDispose]()]);
  }
}

function certificate(name: string): object {
  return { chain: `${name}.pem`, privateKey: `${name}.key`, trustBundle: 'roots.pem' };
}

function serverConfiguration(plain: number, trunk: number, application: number): object {
  return {
    pod: { name: 'greeter-1', namespace: 'demo' },
    certificate: certificate('greeter'),
    listeners: {
      inbound: { address: `127.0.0.1:${plain}`, application: `127.0.0.1:${application}` },
      trunk: { address: `127.0.0.1:${trunk}` },
    },
    resources: [
      {
        name: 'settings',
        settings: {
          workload: 'greeter',
          trustDomain: 'example.local',
          inboundPorts: [{ port: application, name: 'http', protocol: 'HTTP1' }],
        },
      },
    ],
  };
}

function clientConfiguration(service: number, trunkPort: number, targetPort: number): object {
  const backends = [{ service: 'demo/greeter', port: 80, weight: 1 }];
  const rules = [
    { name: 'elsewhere', matches: [{ exact: '/elsewhere' }], backends },
    { name: 'all', matches: [{ prefix: '/' }], backends },
  ];
  const workload = {
    address: '127.0.0.1',
    pod: 'greeter-1',
    namespace: 'demo',
    workload: 'greeter',
    serviceAccount: 'greeter',
    trunkPort,
  };
  const ports = [{ servicePort: 80, targetPort }];
  return {
    pod: { name: 'client-1', namespace: 'demo' },
    certificate: certificate('client'),
    listeners: {
      destinations: [{ address: `127.0.0.1:${service}`, service: 'demo/greeter', port: 80 }],
    },
    resources: [
      { name: 'settings', settings: { workload: 'client', trustDomain: 'example.local' } },
      {
        name: 'service/demo/greeter',
        service: {
          namespace: 'demo',
          name: 'greeter',
          addresses: ['10.96.0.10'],
          ports: [{ port: 80, name: 'http', protocol: 'HTTP1' }],
        },
      },
      {
        name: 'routes/demo/greeter',
        routes: { service: 'demo/greeter', ports: [{ port: 80, routeBound: true, rules }] },
      },
      {
        name: 'endpoints/demo/greeter',
        endpoints: {
          service: 'demo/greeter',
          endpoints: [{ address: '127.0.0.1', ports, workload }],
        },
      },
    ],
  };
}
