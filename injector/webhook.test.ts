import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { after, before, test } from 'node:test';
import { connect, type PeerCertificate } from 'node:tls';
import { silentLog } from '../runtime/log.ts';
import { type Issued, TestAuthority } from '../test/fakes/certificates.ts';
import { createMetrics, type InjectorMetrics } from './metrics.ts';
import { Webhook } from './webhook.ts';

const NAME = 'remora-injector.remora-system.svc';
const ca = new TestAuthority();
const first = ca.issueServer(NAME);
const second = ca.issueServer(NAME);

let webhook: Webhook;
let metrics: InjectorMetrics;

const use = (issued: Issued): void =>
  webhook.setCertificate({ privateKey: issued.key, chain: issued.certificate });

before(async () => {
  metrics = createMetrics({ certificateExpirySeconds: () => 7, caBundleInPlace: () => true });
  webhook = makeWebhook();
  await webhook.start();
});

function makeWebhook(timeoutMs?: number): Webhook {
  return new Webhook({
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    address: { host: '127.0.0.1', port: 0 },
    metrics,
    log: silentLog(),
    settings: {
      systemNamespace: 'remora-system',
      sidecar: {
        image: 'remora:1',
        imagePullPolicy: undefined,
        version: '1',
        controlPlane: 'control-plane:15010',
        controlPlaneName: 'control-plane',
        logLevel: 'info',
        accessLog: 'off',
        resources: {
          cpuRequest: undefined,
          cpuLimit: undefined,
          memoryRequest: undefined,
          memoryLimit: undefined,
        },
      },
    },
  });
}

after(() => webhook.stop(AbortSignal.timeout(1000)));

async function call(
  body: string,
  options: { path?: string; method?: string } = {},
): Promise<{ status: number | undefined; text: string }> {
  const request = httpsRequest({
    port: webhook.port,
    servername: NAME,
    ca: ca.root,
    method: 'POST',
    path: '/inject?timeout=5s',
    agent: false,
    ...options,
  });
  // Bytes that were still on their way when the answer came.
  request.on('error', () => {});
  request.end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  for await (const part of response) text += part;
  return { status: response.statusCode, text };
}

async function shownCertificate(): Promise<PeerCertificate> {
  const socket = connect({ port: webhook.port, servername: NAME, ca: ca.root });
  await once(socket, 'secureConnect');
  const shown = socket.getPeerCertificate();
  socket.destroy();
  return shown;
}

const review = (object: unknown): string =>
  JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'u1',
      kind: { kind: 'Pod' },
      operation: 'CREATE',
      namespace: 'shop',
      object,
    },
  });

test('without a certificate nobody gets through', async () => {
  assert.equal(webhook.certified, false);
  const socket = connect({ port: webhook.port, servername: NAME, ca: ca.root });
  await assert.rejects(once(socket, 'secureConnect'));
  use(first);
  assert.equal(webhook.certified, true);
});

test('a pod comes back with a patch and the uid of its request', async () => {
  const { status, text } = await call(review({ spec: { containers: [{ name: 'main' }] } }));
  assert.equal(status, 200);
  const { response } = JSON.parse(text);
  assert.deepEqual([response.uid, response.allowed, response.patchType], ['u1', true, 'JSONPatch']);
  const patch = JSON.parse(Buffer.from(response.patch, 'base64').toString('utf8'));
  assert.ok(patch.some(({ path }: { path: string }) => path === '/spec/initContainers'));
});

test('a pod on the host network comes back with a warning', async () => {
  const { text } = await call(
    review({ spec: { hostNetwork: true, containers: [{ name: 'main' }] } }),
  );
  const { response } = JSON.parse(text);
  assert.deepEqual([response.allowed, response.patch], [true, undefined]);
  assert.match(response.warnings[0], /hostNetwork/);
});

test('a new certificate is shown to the next connection, without a restart', async () => {
  const before = await shownCertificate();
  use(second);
  const shown = await shownCertificate();
  assert.notEqual(shown.fingerprint256, before.fingerprint256);
});

test('a certificate that does not fit its key is refused and changes nothing', async () => {
  const before = await shownCertificate();
  assert.throws(() => use({ key: first.key, certificate: second.certificate }));
  const shown = await shownCertificate();
  assert.equal(shown.fingerprint256, before.fingerprint256);
});

const strangers = [
  { name: 'another path', body: '{}', options: { path: '/' }, status: 404 },
  { name: 'another method', body: '', options: { method: 'GET' }, status: 404 },
  { name: 'a body that is no JSON', body: '{"kind":', options: {}, status: 400 },
  { name: 'a body that is no review', body: '{}', options: {}, status: 400 },
];

for (const { name, body, options, status } of strangers) {
  test(`${name} is answered with ${status}`, async () => {
    assert.equal((await call(body, options)).status, status);
  });
}

test('a body that is too long is refused before it is read', async () => {
  // The answer may be lost when the connection closes under the bytes that still come.
  const status = await call('x'.repeat(7 * 1024 * 1024)).then(
    (answer) => answer.status,
    () => 413,
  );
  assert.equal(status, 413);
  assert.match(await metrics.registry.metrics(), /reason="body-too-large"\} 1/);
});

test('decisions and their time are counted', async () => {
  const text = await metrics.registry.metrics();
  assert.match(text, /remora_injector_admissions_total\{action="inject",reason="enabled"\} 1/);
  assert.match(text, /remora_injector_admissions_total\{action="skip",reason="host-network"\} 1/);
  assert.match(text, /remora_injector_admissions_total\{action="error",reason="bad-review"\} 2/);
  assert.match(text, /remora_injector_admission_duration_seconds_count\{action="inject"\} 1/);
  assert.match(text, /remora_injector_certificate_expiry_timestamp_seconds 7/);
});

test('who connects and says nothing, or half of it, is cut', async (t) => {
  const impatient = makeWebhook(100);
  impatient.setCertificate({ privateKey: first.key, chain: first.certificate });
  await impatient.start();
  t.after(() => impatient.stop(AbortSignal.timeout(1000)));
  const silent = connectTcp(impatient.port);
  await once(silent, 'close');
  const slow = connect({ port: impatient.port, servername: NAME, ca: ca.root });
  slow.write('POST /inject HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{');
  let said = '';
  slow.on('data', (part: Buffer) => {
    said += part.toString();
  });
  await once(slow, 'close');
  assert.match(said, /^HTTP\/1.1 408 /);
});
