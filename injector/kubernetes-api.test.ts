import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { MeshError } from '../runtime/errors.ts';
import { HttpKubernetesApi } from './kubernetes-api.ts';

const folder = mkdtempSync(join(tmpdir(), 'remora-kubeconfig-'));
const seen: { method: string | undefined; type: string | undefined; token: string | undefined }[] =
  [];
let server: Server;

before(async () => {
  server = createServer((request, response) => {
    const { 'content-type': type, authorization: token } = request.headers;
    seen.push({ method: request.method, type, token });
    if (request.url === '/forbidden') {
      response.writeHead(403).end('{"kind":"Status","message":"not allowed to patch that"}');
    } else if (request.url === '/gateway') {
      response.writeHead(502).end('<html>bad gateway</html>');
    } else {
      response.end('{"kind":"Thing"}');
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const kubeconfig = {
    clusters: [{ name: 'c', cluster: { server: url, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: { token: 'secret' } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  writeFileSync(join(folder, 'config'), JSON.stringify(kubeconfig));
  process.env.KUBECONFIG = join(folder, 'config');
});

after(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

const refusal = (code: string, saying: RegExp) => (error: unknown) =>
  error instanceof MeshError && error.code === code && saying.test(error.message);

test('an object is read with the credentials of the kubeconfig', async () => {
  assert.deepEqual(await new HttpKubernetesApi().get('/thing'), { kind: 'Thing' });
  assert.deepEqual(seen.at(-1), { method: 'GET', type: undefined, token: 'Bearer secret' });
});

test('a patch says that it is a JSON Patch', async () => {
  await new HttpKubernetesApi().patch('/thing', []);
  assert.equal(seen.at(-1)?.type, 'application/json-patch+json');
});

test('a refusal carries the sentence of the API server', async () => {
  await assert.rejects(
    new HttpKubernetesApi().patch('/forbidden', []),
    refusal('api-refused', /PATCH \/forbidden: 403 not allowed to patch that/),
  );
});

test('an answer from something else is shown as it is', async () => {
  await assert.rejects(
    new HttpKubernetesApi().get('/gateway'),
    refusal('api-refused', /502 <html>bad gateway/),
  );
});

test('an API server that is away is named', async () => {
  const api = new HttpKubernetesApi();
  await api.get('/thing');
  server.close();
  server.closeAllConnections();
  await assert.rejects(
    api.get('/thing'),
    refusal('api-unavailable', /the Kubernetes API at 127\.0\.0\.1:\d+ did not answer/),
  );
});
