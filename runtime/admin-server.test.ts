import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { eventually } from '../test/fakes/connections.ts';
import { AdminServer, jsonResponse, readiness } from './admin-server.ts';

test('the admin server answers its paths and names them to who gets lost', async (t) => {
  let configured = false;
  const server = new AdminServer(
    'admin',
    { host: '127.0.0.1', port: 0 },
    {
      '/ready': readiness({ configuration: () => configured, certificate: () => true }),
      '/config_dump': () => jsonResponse({ services: new Map([['shop/cart', new Set([1, 2])]]) }),
      '/broken': () => {
        throw new Error('no such thing');
      },
    },
  );
  await server.start();
  t.after(() => server.stop());
  const get = async (path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method });
    return { status: response.status, body: await response.text() };
  };

  assert.deepEqual(await get('/ready'), {
    status: 503,
    body: 'not ready, waiting for: configuration\n',
  });
  configured = true;
  assert.deepEqual(await get('/ready?verbose'), { status: 200, body: 'ready\n' });
  assert.deepEqual(JSON.parse((await get('/config_dump')).body), {
    services: { 'shop/cart': [1, 2] },
  });
  assert.deepEqual(await get('/broken'), { status: 500, body: 'no such thing\n' });
  assert.deepEqual(await get('/ready', 'POST'), { status: 405, body: 'GET only\n' });
  assert.deepEqual(await get('/toString'), {
    status: 404,
    body: '/toString is not here. There is: /ready /config_dump /broken\n',
  });
});

test('an address in use is an error of the start', async (t) => {
  const first = new AdminServer('first', { host: '127.0.0.1', port: 0 }, {});
  await first.start();
  t.after(() => first.stop());
  const second = new AdminServer('second', { host: '127.0.0.1', port: first.port }, {});
  await assert.rejects(second.start(), { code: 'EADDRINUSE' });
});

test('connections that are held open cannot keep probes out', async (t) => {
  const server = new AdminServer(
    'admin',
    { host: '127.0.0.1', port: 0 },
    { '/live': () => ({ body: 'ok' }) },
  );
  await server.start();
  t.after(() => server.stop());
  const held: Socket[] = [];
  t.after(() => {
    for (const socket of held) socket.destroy();
  });
  let closed = 0;
  for (let i = 0; i < 520; i++) {
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => {}).on('close', () => closed++);
    held.push(socket);
    await once(socket, 'connect');
  }
  const response = await fetch(`http://127.0.0.1:${server.port}/live`);
  assert.equal(response.status, 200);
  await eventually(() => closed === 21, 'the end of the oldest');
});
