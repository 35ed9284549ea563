import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SignJWT } from 'jose';
import { freePorts, SidecarProcess } from '../fakes/sidecar-process.ts';
import { until } from '../fakes/until.ts';

const CONTROL_PLANE = fileURLToPath(new URL('../../control-plane/main.ts', import.meta.url));

/** Pods as local mode makes them, on loopback addresses of their own. */
const PODS = {
  'client-1': { app: 'client', address: '127.0.5.1' },
  'web-1': { app: 'web', address: '127.0.5.2' },
  'web-2': { app: 'web', address: '127.0.5.3' },
} as const;
type PodName = keyof typeof PODS;

suite('sidecars with the real control plane, from files', () => {
  const directory = mkdtempSync(join(tmpdir(), 'remora-mesh-'));
  const manifests = join(directory, 'manifests');
  const key = randomBytes(32);
  const servers: Server[] = [];
  const sidecars = new Map<PodName, SidecarProcess>();
  let controlPlane: ChildProcess;
  let grpcPort = 0;
  let controlPlaneAdmin = 0;
  let webPort = 0;
  let trunkPort = 0;
  const proxyPorts = new Map<PodName, number>();
  const localApiPorts = new Map<PodName, number>();

  function startControlPlane(): void {
    controlPlane = spawn(process.execPath, [CONTROL_PLANE], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: {
        PATH: process.env.PATH,
        REMORA_RESOURCES: `files:${manifests}`,
        REMORA_GRPC_ADDRESS: `127.0.0.1:${grpcPort}`,
        REMORA_ADMIN_ADDRESS: `127.0.0.1:${controlPlaneAdmin}`,
        REMORA_STATE_DIR: join(directory, 'control-plane'),
        REMORA_LOCAL_TOKEN_KEY: join(directory, 'token-key'),
        REMORA_SERVER_NAMES: 'remora-control-plane',
      },
    });
  }

  async function startSidecar(pod: PodName, adminPort: number, healthPort: number): Promise<void> {
    const { app, address } = PODS[pod];
    const token = await new SignJWT({ namespace: 'shop', serviceAccount: app, pod })
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuer('remora-local')
      .setAudience('remora')
      .setExpirationTime('1h')
      .sign(key);
    const tokenPath = join(directory, `${pod}.token`);
    writeFileSync(tokenPath, token);
    const sidecar = new SidecarProcess(
      { admin: adminPort, health: healthPort },
      {
        REMORA_CONTROL_PLANE: `127.0.0.1:${grpcPort}`,
        REMORA_CONTROL_PLANE_NAME: 'remora-control-plane',
        REMORA_TRUST_BUNDLE: join(directory, 'roots.pem'),
        REMORA_TOKEN_PATH: tokenPath,
        REMORA_STATE_DIR: join(directory, pod),
        REMORA_POD_NAME: pod,
        REMORA_POD_NAMESPACE: 'shop',
        REMORA_POD_ADDRESSES: address,
        REMORA_SERVICE_ACCOUNT: app,
        REMORA_OUTBOUND_ADDRESS: `127.0.0.1:${proxyPorts.get(pod)}`,
        REMORA_TRUNK_ADDRESS: `${address}:${trunkPort}`,
        REMORA_LOCAL_API_ADDRESS: `127.0.0.1:${localApiPorts.get(pod)}`,
        REMORA_INTERCEPTION: 'explicit',
        REMORA_DRAIN_SECONDS: '5',
      },
    );
    sidecars.set(pod, sidecar);
  }

  /** Writes a manifest the way an editor does: whole, then renamed. */
  function write(name: string, ...documents: object[]): void {
    const path = join(manifests, name);
    writeFileSync(`${path}.new`, documents.map((one) => JSON.stringify(one)).join('\n---\n'));
    copyFileSync(`${path}.new`, path);
  }

  function writeRoute(path: string): void {
    write('route.yaml', {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata: { name: 'web', namespace: 'shop' },
      spec: {
        parentRefs: [{ group: '', kind: 'Service', name: 'web', port: 80 }],
        rules: [
          {
            matches: [{ path: { type: 'PathPrefix', value: path } }],
            backendRefs: [{ name: 'web', port: 80 }],
          },
        ],
      },
    });
  }

  /** A request from the client's pod; undici's fetch has no proxy, so the request line is our own. */
  async function ask(path: string): Promise<{ status: number; text: string }> {
    const { request } = await import('node:http');
    return new Promise((resolve) => {
      const sent = request(
        {
          host: '127.0.0.1',
          port: proxyPorts.get('client-1'),
          path: `http://web.shop${path}`,
          headers: { host: 'web.shop' },
        },
        (response) => {
          let text = '';
          response.on('data', (chunk) => {
            text += chunk;
          });
          response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
        },
      );
      sent.on('error', () => resolve({ status: 0, text: '' }));
      sent.end();
    });
  }

  before(async () => {
    mkdirSync(manifests);
    writeFileSync(join(directory, 'token-key'), key);
    const free = await freePorts(16);
    const take = (): number => free.pop() ?? 0;
    grpcPort = take();
    controlPlaneAdmin = take();
    webPort = take();
    trunkPort = take();
    for (const pod of Object.keys(PODS) as PodName[]) {
      proxyPorts.set(pod, take());
      localApiPorts.set(pod, take());
    }
    write('namespace.yaml', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'shop', labels: { 'remora.dev/inject': 'enabled' } },
    });
    write('web.yaml', {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace: 'shop' },
      spec: {
        clusterIP: '10.96.5.1',
        clusterIPs: ['10.96.5.1'],
        selector: { app: 'web' },
        ports: [{ name: 'http', port: 80, targetPort: webPort }],
      },
    });
    write(
      'pods.yaml',
      ...Object.entries(PODS).map(([name, { app, address }]) => ({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: {
          name,
          namespace: 'shop',
          labels: { app, 'remora.dev/sidecar': 'enabled' },
          annotations: { 'remora.dev/trunk-port': String(trunkPort) },
        },
        spec: { nodeName: 'local', serviceAccountName: app, containers: [{ name: 'app' }] },
        status: {
          phase: 'Running',
          podIP: address,
          podIPs: [{ ip: address }],
          conditions: [{ type: 'Ready', status: 'True' }],
        },
      })),
    );
    write('slice.yaml', {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: 'web-1',
        namespace: 'shop',
        labels: { 'kubernetes.io/service-name': 'web' },
      },
      addressType: 'IPv4',
      endpoints: (['web-1', 'web-2'] as const).map((name) => ({
        addresses: [PODS[name].address],
        conditions: { ready: true },
        nodeName: 'local',
        targetRef: { kind: 'Pod', name, namespace: 'shop' },
      })),
      ports: [{ name: 'http', port: webPort, protocol: 'TCP' }],
    });
    write('election.yaml', {
      apiVersion: 'remora.dev/v1alpha1',
      kind: 'LeaderElection',
      metadata: { name: 'primary', namespace: 'shop' },
      spec: { selector: { matchLabels: { app: 'web' } }, leaseDuration: '3s' },
    });
    writeRoute('/');
    for (const name of ['web-1', 'web-2'] as const) {
      const server = createServer((request, response) => response.end(`${name} ${request.url}`));
      servers.push(server);
      await new Promise<void>((resolve) => {
        server.listen(webPort, PODS[name].address, resolve);
      });
    }
    startControlPlane();
    const roots = join(directory, 'control-plane', 'roots.pem');
    await until(() => existsSync(roots), 'the roots of the mesh', 20_000);
    copyFileSync(roots, join(directory, 'roots.pem'));
    for (const pod of Object.keys(PODS) as PodName[]) await startSidecar(pod, take(), take());
    for (const sidecar of sidecars.values()) await sidecar.ready();
  });

  after(async () => {
    controlPlane.kill('SIGKILL');
    for (const sidecar of sidecars.values()) await sidecar[Symbol.asyncDispose]();
    for (const server of servers) server.close();
    rmSync(directory, { recursive: true, force: true });
  });

  test('a request goes by name to both pods, with mutual TLS', async () => {
    const seen = new Set<string>();
    for (let i = 0; i < 20; i++) {
      const { status, text } = await ask('/a');
      assert.equal(status, 200, text);
      seen.add(text);
    }
    assert.deepEqual([...seen].sort(), ['web-1 /a', 'web-2 /a']);
    const metrics = (await sidecars.get('web-1')?.health('/metrics'))?.body ?? '';
    assert.match(
      metrics,
      /^http_server_request_duration_seconds_count\{source_workload="client-1",source_namespace="shop",destination_workload="web-1",destination_namespace="shop",.*mutual_tls="true"/m,
    );
  });

  test('the control plane hears of the traffic', async () => {
    const edge = await until(async () => {
      const response = await fetch(`http://127.0.0.1:${controlPlaneAdmin}/telemetry`);
      return (await response.text()).includes('client-1');
    }, 'the edge from client-1');
    assert.ok(edge);
  });

  test('a changed route is in force within a second, for an open connection too', async () => {
    writeRoute('/only');
    const changedMs = performance.now();
    await until(async () => (await ask('/a')).status === 404, 'the new route');
    const tookMs = performance.now() - changedMs;
    assert.equal((await ask('/only/a')).status, 200);
    writeRoute('/');
    await until(async () => (await ask('/a')).status === 200, 'the old route');
    // Generous: what is measured on an idle machine is far below, and this one may be busy.
    assert.ok(tookMs < 5000, `took ${tookMs} ms`);
  });

  test('nothing fails while the control plane is away', async () => {
    controlPlane.kill('SIGKILL');
    const client = sidecars.get('client-1');
    await until(
      async () => (await client?.health('/metrics'))?.body.includes('plane_connected 0'),
      'the loss',
    );
    for (let i = 0; i < 20; i++) assert.equal((await ask('/a')).status, 200);
    startControlPlane();
    await until(
      async () => (await client?.health('/metrics'))?.body.includes('plane_connected 1'),
      'the control plane to be back',
      30_000,
    );
    assert.equal((await ask('/a')).status, 200);
  });

  test('one of two candidates leads, and the other one takes over when it goes', async () => {
    const statusOf = async (pod: PodName): Promise<number> => {
      try {
        return (await fetch(`http://127.0.0.1:${localApiPorts.get(pod)}/v1/leader`)).status;
      } catch {
        return 0;
      }
    };
    const candidates = ['web-1', 'web-2'] as const;
    const leader = await until(async () => {
      const statuses = await Promise.all(candidates.map(statusOf));
      if (statuses.toSorted().join() !== '200,423') return false;
      return candidates[statuses.indexOf(200)];
    }, 'one leader and one follower');
    const follower = leader === 'web-1' ? 'web-2' : 'web-1';
    sidecars.get(leader)?.kill('SIGTERM');
    await until(async () => (await statusOf(follower)) === 200, 'the other one leading');
  });
});
