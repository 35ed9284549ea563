import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePorts, SidecarProcess } from '../fakes/sidecar-process.ts';
import { until } from '../fakes/until.ts';

/** Status and body; status 0 when the connection was refused or cut. */
async function ask(port: number, path: string): Promise<[status: number, text: string]> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      headers: { connection: 'close' },
    });
    return [response.status, await response.text()];
  } catch {
    return [0, ''];
  }
}

test('a sidecar that stops finishes what came in, and lets the application call out meanwhile', async (t) => {
  const held: ServerResponse[] = [];
  const application = createServer((request, response) => {
    if (request.url === '/slow') held.push(response);
    else response.end('fast');
  });
  await new Promise<void>((resolve) => application.listen(0, '127.0.0.1', resolve));
  t.after(() => application.close().closeAllConnections());
  const applicationPort = (application.address() as AddressInfo).port;
  const [inbound = 0, outbound = 0, admin = 0, health = 0] = await freePorts(4);
  const directory = mkdtempSync(join(tmpdir(), 'remora-drain-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, 'sidecar.json');
  const endpoint = {
    address: '127.0.0.1',
    ports: [{ servicePort: 80, targetPort: applicationPort }],
    workload: { address: '127.0.0.1', pod: 'web-1', namespace: 'shop', workload: 'web' },
  };
  writeFileSync(
    file,
    JSON.stringify({
      listeners: {
        inbound: {
          address: `127.0.0.1:${inbound}`,
          application: `127.0.0.1:${applicationPort}`,
        },
        destinations: [{ address: `127.0.0.1:${outbound}`, service: 'shop/web', port: 80 }],
      },
      resources: [
        {
          name: 'service/shop/web',
          service: { namespace: 'shop', name: 'web', ports: [{ port: 80, protocol: 'HTTP1' }] },
        },
        {
          name: 'endpoints/shop/web',
          endpoints: { service: 'shop/web', endpoints: [endpoint] },
        },
      ],
    }),
  );
  await using sidecar = new SidecarProcess({ admin, health }, { REMORA_STATIC_CONFIG: file });
  await sidecar.ready();

  const slow = ask(inbound, '/slow');
  await until(() => held[0], 'the slow request at the application');
  assert.deepEqual(await ask(outbound, '/'), [200, 'fast']);

  sidecar.kill('SIGTERM');
  await until(async () => (await ask(inbound, '/'))[0] === 0, 'inbound closed');
  assert.deepEqual(await sidecar.health('/ready'), {
    status: 503,
    body: 'not ready, waiting for: listeners\n',
  });
  assert.deepEqual(await ask(outbound, '/'), [200, 'fast'], 'outbound still works');
  assert.equal(sidecar.exitCode, undefined);

  held[0]?.end('done at last');
  assert.deepEqual(await slow, [200, 'done at last']);
  assert.equal(await sidecar.exited(), 0);
});
