import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import type { Resource } from '../../proto/gen/remora/v1/Resource.ts';
import { FakeControlPlane, resource } from '../fakes/control-plane.ts';
import { freePorts, SidecarProcess } from '../fakes/sidecar-process.ts';
import { until } from '../fakes/until.ts';

interface Ports {
  outbound: number;
  trunk: number;
  localApi: number;
  admin: number;
  health: number;
}

async function findPorts(): Promise<Ports> {
  const [outbound = 0, trunk = 0, localApi = 0, admin = 0, health = 0] = await freePorts(5);
  return { outbound, trunk, localApi, admin, health };
}

/** The sidecar of the pod `cart-1`, in explicit mode. */
function sidecarOf(controlPlane: FakeControlPlane, ports: Ports): SidecarProcess {
  return new SidecarProcess(ports, {
    REMORA_CONTROL_PLANE: `127.0.0.1:${controlPlane.port}`,
    REMORA_CONTROL_PLANE_NAME: 'control-plane.test',
    REMORA_TRUST_BUNDLE: controlPlane.trustBundlePath,
    REMORA_TOKEN_PATH: controlPlane.tokenPath,
    REMORA_STATE_DIR: join(controlPlane.directory, 'state'),
    REMORA_POD_NAME: 'cart-1',
    REMORA_POD_NAMESPACE: 'shop',
    REMORA_POD_ADDRESSES: '127.0.0.1',
    REMORA_SERVICE_ACCOUNT: 'cart',
    REMORA_OUTBOUND_ADDRESS: `127.0.0.1:${ports.outbound}`,
    REMORA_TRUNK_ADDRESS: `127.0.0.1:${ports.trunk}`,
    REMORA_LOCAL_API_ADDRESS: `127.0.0.1:${ports.localApi}`,
    REMORA_INTERCEPTION: 'explicit',
    REMORA_DRAIN_SECONDS: '5',
  });
}

/** A request through the sidecar as an HTTP proxy; status 0 when nobody answers. */
function askThrough(proxyPort: number, url: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(proxyPort, '127.0.0.1', () => {
      const { host } = new URL(url);
      socket.write(`GET ${url} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
    });
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('error', () => resolve({ status: 0, text }));
    socket.on('close', () => {
      resolve({ status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0), text });
    });
  });
}

suite('a sidecar and its control plane', () => {
  let application: Server;
  let resources: Resource[];

  before(async () => {
    application = createServer((request, response) => response.end(`db ${request.url}`));
    await new Promise<void>((resolve) => application.listen(0, '127.0.0.1', resolve));
    const targetPort = (application.address() as AddressInfo).port;
    resources = [
      resource('settings', {
        settings: { workload: 'cart', trustDomain: 'cluster.local', elections: ['jobs'] },
      }),
      resource('service/shop/db', {
        service: {
          namespace: 'shop',
          name: 'db',
          addresses: ['10.1.0.1'],
          ports: [{ port: 80, name: 'http', protocol: 'HTTP1' }],
        },
      }),
      resource('routes/shop/db', { routes: { service: 'shop/db' } }),
      resource('endpoints/shop/db', {
        endpoints: {
          service: 'shop/db',
          endpoints: [
            {
              address: '127.0.0.1',
              ports: [{ servicePort: 80, targetPort }],
              workload: { address: '127.0.0.1', pod: 'db-1', namespace: 'shop', workload: 'db' },
            },
          ],
        },
      }),
    ];
  });

  after(() => application.close());

  test('becomes ready with configuration and certificate, tells of itself, and ends in order', async () => {
    await using controlPlane = await FakeControlPlane.start();
    const ports = await findPorts();
    await using sidecar = sidecarOf(controlPlane, ports);
    const subscription = await controlPlane.subscription();
    const { hello } = await subscription.next();
    assert.equal(hello?.pod, 'cart-1');
    assert.equal(hello?.serviceAccount, 'cart');
    await sidecar.logged('certificate received');
    assert.deepEqual(await sidecar.health('/ready'), {
      status: 503,
      body: 'not ready, waiting for: configuration, listeners\n',
    });
    assert.equal((await askThrough(ports.outbound, 'http://db.shop/')).status, 0);

    subscription.send({ nonce: 1, version: 'one', resources });
    await sidecar.ready();
    assert.match((await askThrough(ports.outbound, 'http://db.shop/a')).text, /^HTTP.*db \/a$/s);
    const metrics = (await sidecar.health('/metrics')).body;
    assert.match(metrics, /^remora_control_plane_connected 1$/m);
    assert.match(metrics, /^remora_config_info\{version="one"\} 1$/m);
    assert.match(metrics, /^remora_certificate_expiry_timestamp_seconds \d+/m);
    assert.match(
      metrics,
      /^http_client_request_duration_seconds_count\{source_workload="cart",source_namespace="shop",destination_workload="db"/m,
    );
    const edge = await until(() => controlPlane.edges[0], 'a traffic report');
    assert.equal(edge.service, 'shop/db');
    assert.equal(edge.requests, 1);

    const campaign = await controlPlane.campaign();
    assert.equal((await campaign.next()).join, 'jobs');
    campaign.send({
      grant: { election: 'jobs', leader: 'cart-1', fencingToken: 1, leaseDurationMs: 5000 },
    });
    await until(
      async () => (await fetch(`http://127.0.0.1:${ports.localApi}/v1/leader`)).status === 200,
      'leadership',
    );

    const dump = (await sidecar.admin('/config_dump')).body;
    assert.match(dump, /"spiffeId": "spiffe:\/\/cluster\.local\/ns\/shop\/sa\/cart"/);
    assert.doesNotMatch(dump, /PRIVATE KEY/);
    assert.deepEqual(await sidecar.admin('/log_level?level=debug'), {
      status: 200,
      body: 'debug\n',
    });
    assert.equal((await sidecar.admin('/log_level?level=loud')).status, 400);

    sidecar.kill('SIGTERM');
    assert.equal(await sidecar.exited(), 0);
    assert.deepEqual(
      campaign.received.flatMap(({ resign }) => resign ?? []),
      ['jobs'],
    );
  });

  test('serves after a restart while the control plane is away', async () => {
    await using controlPlane = await FakeControlPlane.start();
    const ports = await findPorts();
    await using first = sidecarOf(controlPlane, ports);
    (await controlPlane.subscription()).send({ nonce: 1, version: 'one', resources });
    await first.ready();
    const state = join(controlPlane.directory, 'state');
    await until(() => {
      try {
        return statSync(join(state, 'config.bin')).size > 0;
      } catch {
        return false;
      }
    }, 'the kept configuration');
    assert.equal(statSync(join(state, 'identity.json')).mode & 0o777, 0o600);
    first.kill('SIGKILL');
    await first.exited();
    controlPlane.close();

    await using second = sidecarOf(controlPlane, ports);
    await second.ready();
    await second.logged('kept configuration in force');
    await second.logged('kept identity in use');
    assert.equal((await askThrough(ports.outbound, 'http://db.shop/b')).status, 200);
    const line = await second.logged('control plane cannot be reached');
    assert.match(String(line.reason), /ECONNREFUSED/);
    const metrics = (await second.health('/metrics')).body;
    assert.match(metrics, /^remora_control_plane_connected 0$/m);
    assert.match(metrics, /^remora_config_age_seconds [\d.]+$/m);

    await controlPlane.listen();
    const stream = await controlPlane.subscription();
    const { hello } = await stream.next();
    assert.deepEqual(
      Object.keys(hello?.held ?? {}).sort(),
      resources.map(({ name }) => name ?? '').sort(),
    );
  });

  test('without control plane and kept state says so, is not ready, and can be stopped', async () => {
    await using controlPlane = await FakeControlPlane.start();
    controlPlane.close();
    const ports = await findPorts();
    await using sidecar = sidecarOf(controlPlane, ports);
    const line = await sidecar.logged('control plane cannot be reached');
    assert.equal(line.controlPlane, `127.0.0.1:${controlPlane.port}`);
    assert.match(String(line.reason), /ECONNREFUSED/);
    assert.equal((await sidecar.health('/live')).status, 200);
    assert.deepEqual(await sidecar.health('/ready'), {
      status: 503,
      body: 'not ready, waiting for: configuration, certificate, listeners\n',
    });
    sidecar.kill('SIGTERM');
    assert.equal(await sidecar.exited(), 0);
  });
});
