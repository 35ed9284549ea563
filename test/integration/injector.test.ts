import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, get, type IncomingMessage, type Server } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { applyPatch, type PatchOperation } from '../../injector/json-patch.ts';
import { ControlPlaneServices } from '../fakes/control-plane-services.ts';
import { until } from '../fakes/until.ts';

/*
 * The injector as a process of its own, between a real control plane's
 * certificate service and an API server that holds its webhook's configuration.
 */

interface Configuration {
  webhooks: { name: string; clientConfig: { caBundle?: string }; namespaceSelector: object }[];
}

const MAIN = fileURLToPath(new URL('../../injector/main.ts', import.meta.url));
const CONFIGURATION_PATH =
  '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/remora-injector';

const folder = mkdtempSync(join(tmpdir(), 'remora-injector-'));
let configuration: Configuration = {
  webhooks: [
    {
      name: 'injector.remora.dev',
      clientConfig: {},
      namespaceSelector: { matchLabels: { 'remora.dev/inject': 'enabled' } },
    },
  ],
};
let controlPlane: ControlPlaneServices;
let api: Server;
let injector: ChildProcess;
let ports: { webhookPort: number; adminPort: number } | undefined;
const log: string[] = [];

before(async () => {
  controlPlane = await ControlPlaneServices.start();
  api = createServer(async (request, response) => {
    let body = '';
    for await (const part of request) body += part;
    if (request.url !== CONFIGURATION_PATH) {
      response.writeHead(404).end('{"message":"not found"}');
      return;
    }
    if (request.method === 'PATCH') {
      const operations = JSON.parse(body) as { op: string }[];
      const changes = operations.filter(({ op }) => op !== 'test') as PatchOperation[];
      configuration = applyPatch(configuration, changes);
    }
    response.end(JSON.stringify(configuration));
  });
  api.listen(0, '127.0.0.1');
  await once(api, 'listening');

  const server = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'test', user: { token: 'any' } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    'current-context': 'test',
  };
  writeFileSync(join(folder, 'kubeconfig'), JSON.stringify(kubeconfig));
  writeFileSync(join(folder, 'roots.pem'), controlPlane.authority.roots);
  writeFileSync(join(folder, 'token'), 'remora-system/remora-injector/injector-1');

  injector = spawn(process.execPath, [MAIN], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      KUBECONFIG: join(folder, 'kubeconfig'),
      REMORA_CONTROL_PLANE: `127.0.0.1:${controlPlane.server.port}`,
      REMORA_CONTROL_PLANE_NAME: 'control-plane.test',
      REMORA_TRUST_BUNDLE: join(folder, 'roots.pem'),
      REMORA_TOKEN_PATH: join(folder, 'token'),
      REMORA_WEBHOOK_ADDRESS: '127.0.0.1:0',
      REMORA_ADMIN_ADDRESS: '127.0.0.1:0',
      REMORA_IMAGE: 'example.com/remora:1',
    },
  });
  assert.ok(injector.stdout);
  createInterface(injector.stdout).on('line', (line) => {
    log.push(line);
    const entry = JSON.parse(line);
    if (entry.msg === 'injector listens') ports = entry;
  });
  await until(() => ports, `the injector to listen; it said: ${log.join('\n')}`);
});

after(async () => {
  if (injector.exitCode === null) injector.kill('SIGKILL');
  api.close();
  api.closeAllConnections();
  await controlPlane.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function admin(path: string): Promise<{ status: number | undefined; text: string }> {
  const request = get({ port: ports?.adminPort, path, agent: false });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  for await (const part of response) text += part;
  return { status: response.statusCode, text };
}

test('it is ready once it has a certificate and the caBundle is in place', async () => {
  await until(async () => (await admin('/ready')).status === 200, 'the injector to be ready');
  const caBundle = configuration.webhooks[0]?.clientConfig.caBundle ?? '';
  assert.equal(Buffer.from(caBundle, 'base64').toString(), controlPlane.authority.roots);
});

test('by that caBundle it is known as the Service that the API server calls', async () => {
  const review = {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'u1',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      operation: 'CREATE',
      namespace: 'shop',
      object: { spec: { containers: [{ name: 'main' }] } },
    },
  };
  const request = httpsRequest({
    port: ports?.webhookPort,
    servername: 'remora-injector.remora-system.svc',
    ca: Buffer.from(configuration.webhooks[0]?.clientConfig.caBundle ?? '', 'base64'),
    method: 'POST',
    path: '/inject',
    agent: false,
  });
  request.end(JSON.stringify(review));
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  for await (const part of response) text += part;
  assert.equal(JSON.parse(text).response.patchType, 'JSONPatch');
});

test('its metrics tell of it', async () => {
  const { text } = await admin('/metrics');
  assert.match(text, /remora_injector_admissions_total\{action="inject",reason="enabled"\} 1/);
  assert.match(text, /remora_injector_ca_bundle_in_place 1/);
  assert.match(text, /remora_injector_certificate_expiry_timestamp_seconds 1\.?\d+/);
});

test('SIGTERM ends it in order', async () => {
  const ended = once(injector, 'exit');
  injector.kill('SIGTERM');
  const [status] = await ended;
  assert.equal(status, 0, log.join('\n'));
});
