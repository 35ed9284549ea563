import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Channel, credentials } from '@grpc/grpc-js';
import { SignJWT } from 'jose';
import { v1 } from '../../proto/load.ts';
import { bearer, StreamReader } from '../fakes/control-plane-services.ts';
import { freePorts } from '../fakes/sidecar-process.ts';
import { until } from '../fakes/until.ts';

const folder = mkdtempSync(join(tmpdir(), 'remora-process-'));
const resources = join(folder, 'resources');
const state = join(folder, 'state');
const KEY = Buffer.alloc(32, 3);
mkdirSync(resources);
writeFileSync(join(folder, 'key'), KEY);
const processes: ChildProcess[] = [];
after(() => {
  for (const child of processes) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

const MAIN = new URL('../../control-plane/main.ts', import.meta.url).pathname;

function start(environment: Record<string, string>): ChildProcess {
  const child = spawn(process.execPath, [MAIN], {
    env: { PATH: process.env.PATH, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  processes.push(child);
  return child;
}

const [grpcPort, adminPort] = await freePorts(2);
const ENVIRONMENT = {
  REMORA_RESOURCES: `files:${resources}`,
  REMORA_STATE_DIR: state,
  REMORA_LOCAL_TOKEN_KEY: join(folder, 'key'),
  REMORA_SERVER_NAMES: 'control-plane.test',
  REMORA_GRPC_ADDRESS: `127.0.0.1:${grpcPort}`,
  REMORA_ADMIN_ADDRESS: `127.0.0.1:${adminPort}`,
};

async function get(path: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${adminPort}${path}`);
  const text = await response.text();
  assert.ok(response.ok, text);
  return text;
}

function ready(): Promise<string> {
  return until(() => get('/ready').catch(() => undefined), 'the control plane to be ready');
}

function writeService(address: string): void {
  writeFileSync(
    join(resources, 'cart.yaml'),
    `apiVersion: v1
kind: Service
metadata: { name: cart, namespace: shop }
spec: { clusterIP: ${address}, selector: { app: cart }, ports: [{ port: 80 }] }
`,
  );
}

test('a control plane on files serves, follows the files, stops in order and keeps its CA', async () => {
  writeService('10.1.0.1');
  const child = start(ENVIRONMENT);
  await ready();
  const roots = readFileSync(join(state, 'roots.pem'));
  const token = await new SignJWT({ namespace: 'shop', serviceAccount: 'cart', pod: 'cart-1' })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer('remora-local')
    .setAudience('remora')
    .sign(KEY);
  const channelOverride = new Channel(`127.0.0.1:${grpcPort}`, credentials.createSsl(roots), {
    'grpc.ssl_target_name_override': 'control-plane.test',
  });
  const client = new v1.Config('x', credentials.createInsecure(), { channelOverride });
  const stream = new StreamReader(client.subscribe(bearer(token)));
  stream.call.write({ hello: { namespace: 'shop', serviceAccount: 'cart', pod: 'cart-1' } });
  const addressIn = async () => {
    const push = await stream.next();
    stream.call.write({ ack: { nonce: push.nonce } });
    return push.resources.find((item) => item.service)?.service?.addresses[0];
  };
  assert.equal(await addressIn(), '10.1.0.1');
  writeService('10.1.0.2');
  assert.equal(await addressIn(), '10.1.0.2');

  const dump = JSON.parse(await get('/config_dump')) as { sidecars: string[] };
  assert.deepEqual(dump.sidecars, ['shop/cart-1']);
  assert.match(await get('/config_dump?pod=shop/cart-1'), /"10\.1\.0\.2"/);
  assert.match(await get('/metrics'), /^remora_control_plane_connected_sidecars 1$/m);
  assert.deepEqual(JSON.parse(await get('/telemetry')), { windowSeconds: 10, edges: [] });

  child.kill('SIGTERM');
  const [status] = await once(child, 'exit');
  assert.equal(status, 0);
  assert.match((await stream.failure()).details, /the control plane is stopping/);
  channelOverride.close();

  const again = start(ENVIRONMENT);
  await ready();
  assert.deepEqual(readFileSync(join(state, 'roots.pem')), roots);
  again.kill('SIGTERM');
  await once(again, 'exit');
});

test('a bad environment is named at once, all of it', async () => {
  const child = start({ REMORA_RESOURCES: 'folder', REMORA_CERTIFICATE_LIFETIME_SECONDS: '5' });
  let said = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const [status] = await once(child, 'exit');
  assert.equal(status, 1);
  for (const expected of [
    /REMORA_RESOURCES must be/,
    /REMORA_SERVER_NAMES is not set/,
    /REMORA_CERTIFICATE_LIFETIME_SECONDS must be a whole number from 60/,
  ]) {
    assert.match(said, expected);
  }
});
