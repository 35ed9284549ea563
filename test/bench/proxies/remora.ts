import { SIDECAR_MALLOC, SIDECAR_NODE_FLAGS } from '../../../injector/container.ts';
import { freePorts } from '../../fakes/sidecar-process.ts';
import type { Command } from '../children.ts';
import type { Certificate, Lab, Plan, Setup } from '../lab.ts';
import { benchRules } from '../rules.ts';

/** The service's own port, which is nobody's address here. */
const SERVICE_PORT = 80;

const PROTOCOLS = { http1: 'HTTP1', h2c: 'HTTP2', grpc: 'GRPC', tcp: 'TCP' } as const;

/** Our sidecar, as the image holds it, with metrics, retries and circuit breaking on. */
export async function planRemora(lab: Lab, setup: Setup): Promise<Plan> {
  const [trunk = 0, admin = 0, health = 0, peerAdmin = 0, peerHealth = 0, ...ports] =
    await freePorts(setup.used + 5);
  const pair = setup.hop === 'pair';
  const protocol = PROTOCOLS[setup.protocol];
  const target = lab.origin.port(setup.protocol);
  const names = Array.from({ length: setup.services }, (_, i) => `service-${i}`);

  const outbound = {
    pod: { name: 'client-1', namespace: 'demo' },
    ...(pair ? { certificate: certificateFiles(lab, lab.certificate('client')) } : {}),
    listeners: {
      destinations: ports.map((port, i) => ({
        address: `127.0.0.1:${port}`,
        service: `demo/${names[i]}`,
        port: SERVICE_PORT,
      })),
    },
    resources: [
      { name: 'settings', settings: { workload: 'client', trustDomain: 'example.local' } },
      // The index holds all services, details come with those that are used: as on the stream.
      ...names.map((name, i) => service(name, i, protocol)),
      ...names
        .slice(0, setup.used)
        .flatMap((name) => [routes(name, setup.rules), endpoints(name, target, pair ? trunk : 0)]),
    ],
  };
  const threads = setup.threads ?? 1;
  const outboundPath = lab.write('json', outbound);
  const commands = [command(lab, outboundPath, admin, health, threads, 'outbound')];
  if (pair) {
    const inbound = {
      pod: { name: 'greeter-1', namespace: 'demo' },
      certificate: certificateFiles(lab, lab.certificate('greeter')),
      listeners: { trunk: { address: `127.0.0.1:${trunk}` } },
      resources: [
        {
          name: 'settings',
          settings: {
            workload: 'greeter',
            trustDomain: 'example.local',
            inboundPorts: [{ port: target, name: 'bench', protocol }],
          },
        },
      ],
    };
    const path = lab.write('json', inbound);
    commands.push(command(lab, path, peerAdmin, peerHealth, threads, 'inbound'));
  }
  return { ports, commands };
}

function command(
  lab: Lab,
  config: string,
  admin: number,
  health: number,
  threads: number,
  side: string,
): Command {
  const profile = lab.profileDirectory;
  return {
    file: process.execPath,
    args: [
      ...SIDECAR_NODE_FLAGS,
      ...(profile === undefined
        ? []
        : [
            '--cpu-prof',
            `--cpu-prof-dir=${profile}`,
            `--cpu-prof-name=${side}-\${pid}.cpuprofile`,
          ]),
      `${lab.bundle}/sidecar.js`,
    ],
    env: {
      NODE_ENV: 'production',
      // Threads that each carry traffic would wait for one heap.
      ...(threads === 1 ? SIDECAR_MALLOC : {}),
      REMORA_STATIC_CONFIG: config,
      REMORA_THREADS: String(threads),
      REMORA_ADMIN_ADDRESS: `127.0.0.1:${admin}`,
      REMORA_HEALTH_ADDRESS: `127.0.0.1:${health}`,
      REMORA_DRAIN_SECONDS: '1',
    },
  };
}

function certificateFiles(lab: Lab, { chain, key }: Certificate): object {
  return { chain, privateKey: key, trustBundle: lab.roots };
}

function service(name: string, index: number, protocol: string): object {
  return {
    name: `service/demo/${name}`,
    service: {
      namespace: 'demo',
      name,
      addresses: [`10.96.${index >> 8}.${index & 255}`],
      ports: [{ port: SERVICE_PORT, name: 'bench', protocol }],
    },
  };
}

/** The last rule takes everything; retries and a circuit breaker are in force. */
function routes(name: string, count = 1): object {
  const policy = {
    retries: {
      attempts: 2,
      statusCodes: [502, 503, 504],
      connectFailure: true,
      backoffBaseMs: 25,
      backoffMaxMs: 250,
      budgetPercent: 20,
      budgetMinPerSecond: 10,
    },
    circuitBreaker: { consecutiveErrors: 5, ejectionMs: 30_000, maxEjectedPercent: 50 },
  };
  const backends = [{ service: `demo/${name}`, port: SERVICE_PORT, weight: 1 }];
  const rules = benchRules(count).map(({ kind, path, header }, i) => ({
    name: `HTTPRoute/demo/${name}/${i}`,
    matches: [
      {
        [kind === 'expression' ? 'pathExpression' : kind]: path,
        ...(header === undefined ? {} : { headers: [{ name: header.name, exact: header.value }] }),
      },
    ],
    backends,
    policy,
  }));
  return {
    name: `routes/demo/${name}`,
    routes: { service: `demo/${name}`, ports: [{ port: SERVICE_PORT, routeBound: true, rules }] },
  };
}

function endpoints(name: string, targetPort: number, trunkPort: number): object {
  const workload = {
    address: '127.0.0.1',
    pod: 'greeter-1',
    namespace: 'demo',
    workload: 'greeter',
    serviceAccount: 'greeter',
    trunkPort,
  };
  const ports = [{ servicePort: SERVICE_PORT, targetPort }];
  return {
    name: `endpoints/demo/${name}`,
    endpoints: { service: `demo/${name}`, endpoints: [{ address: '127.0.0.1', ports, workload }] },
  };
}
