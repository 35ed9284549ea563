import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { after, describe, test } from 'node:test';
import type { Endpoint, SessionPersistence } from '../../sidecar/config/types.ts';
import { listen } from '../fakes/connections.ts';
import { pod, SERVICE } from '../fakes/pods.ts';
import { NO_POLICY, type TestSidecar } from '../fakes/sidecars.ts';

let made = 0;

/** An application that says which one it is. */
async function application(): Promise<Endpoint> {
  made += 1;
  const name = `cart-${made}`;
  const server = createServer((_request, response) => response.end(name));
  const address = `127.${process.pid % 250}.7.${made}`;
  const port = await listen(server, address);
  after(() => server.close());
  const workload = {
    ...{ address, pod: name, namespace: 'shop', workload: 'cart', serviceAccount: 'cart' },
    ...{ node: '', zone: '', trunkPort: 0 },
  };
  return { address, ports: new Map([[SERVICE.port, port]]), workload };
}

const COOKIE: SessionPersistence = {
  ...{ inHeader: false, name: 'sid', path: '/', permanent: false },
  ...{ absoluteTimeoutMs: 0, idleTimeoutMs: 0 },
};

async function client(
  session: SessionPersistence,
  endpoints: readonly Endpoint[],
): Promise<TestSidecar> {
  const web = await pod('web');
  web.redirected = SERVICE;
  web.view.service('shop/cart', SERVICE.host, SERVICE.port, 'http1', endpoints);
  const backends = [
    { kind: 'service', service: 'shop/cart', port: SERVICE.port, weight: 1 } as const,
  ];
  const rules = [{ name: 'HTTPRoute/shop/r/0', matches: [], backends, policy: NO_POLICY, session }];
  const port = { port: SERVICE.port, routeBound: true, rules, policy: NO_POLICY };
  const routes = { service: 'shop/cart', ports: [port] };
  web.view.change({ routes: new Map(web.view.current.routes).set('shop/cart', routes) });
  return web;
}

function setEndpoints(web: TestSidecar, endpoints: readonly Endpoint[]): void {
  const value = { service: 'shop/cart', endpoints };
  web.view.change({ endpoints: new Map(web.view.current.endpoints).set('shop/cart', value) });
}

interface Answer {
  readonly name: string;
  /** The whole Set-Cookie, or the header. */
  readonly told: string | undefined;
}

function ask(web: TestSidecar, field = '', told = 'set-cookie'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socket = connect(web.outbound.port, '127.0.0.1');
    let text = '';
    socket.on('data', (bytes) => {
      text += bytes;
    });
    socket.on('error', reject);
    socket.on('close', () => {
      const [head = '', body = ''] = text.split('\r\n\r\n');
      const line = new RegExp(`\r\n${told}: ([^\r]*)`, 'i').exec(head);
      resolve({ name: /cart-\d+/.exec(body)?.[0] ?? text, told: line?.[1] });
    });
    const fields = field === '' ? '' : `${field}\r\n`;
    socket.write(`GET / HTTP/1.1\r\nhost: cart\r\nconnection: close\r\n${fields}\r\n`);
  });
}

const asCookie = (told: string | undefined): string => `cookie: a=b; ${told?.split(';')[0]}`;

describe('a session by cookie', () => {
  test('stays with the endpoint that answered first, whatever the balancer would do', async () => {
    const endpoints = await Promise.all(Array.from({ length: 5 }, application));
    const web = await client(COOKIE, endpoints);
    const first = await ask(web);
    assert.match(first.told ?? '', /^sid=[\w-]{22}; Path=\/; HttpOnly; SameSite=Lax$/);
    for (let i = 0; i < 20; i++) {
      const next = await ask(web, asCookie(first.told));
      assert.deepEqual(next, { name: first.name, told: undefined });
    }
    // Another sidecar knows it too.
    const other = await client(COOKIE, endpoints);
    assert.equal((await ask(other, asCookie(first.told))).name, first.name);
  });

  test('tells nothing of where the endpoint is, and means nothing to who makes one up', async () => {
    const endpoints = [await application(), await application()];
    const web = await client(COOKIE, endpoints);
    const { told } = await ask(web);
    for (const { address, workload } of endpoints) {
      assert.ok(!told?.includes(address) && !told?.includes(workload.pod));
    }
    const forged = ['sid=', 'sid=127.0.0.1:22', `sid=${'A'.repeat(22)}`, 'sid=%00', 'sid=..'];
    for (const cookie of forged) {
      const answer = await ask(web, `cookie: ${cookie}`);
      assert.match(answer.name, /^cart-/);
      assert.match(answer.told ?? '', /^sid=[\w-]{22}/);
    }
  });

  test('moves on when its endpoint is gone, and tells the client', async () => {
    const [one, two] = [await application(), await application()];
    const web = await client(COOKIE, [one]);
    const first = await ask(web);
    setEndpoints(web, [two]);
    const moved = await ask(web, asCookie(first.told));
    assert.equal(moved.name, two.workload.pod);
    assert.notEqual(moved.told, undefined);
    setEndpoints(web, [one, two]);
    for (let i = 0; i < 10; i++) {
      assert.equal((await ask(web, asCookie(moved.told))).name, two.workload.pod);
    }
  });

  test('moves on when its endpoint does not answer', async () => {
    const [one, two] = [await application(), await application()];
    const web = await client(COOKIE, [one]);
    const first = await ask(web);
    const dead = { ...one, ports: new Map([[SERVICE.port, 1]]) };
    const unreachable = await client(COOKIE, [dead, two]);
    const answer = await ask(unreachable, asCookie(first.told));
    assert.equal(answer.name, two.workload.pod);
    assert.match(answer.told ?? '', /^sid=/);
  });

  test('that is permanent has an age, and begins anew when its time is over', async () => {
    const session = { ...COOKIE, permanent: true, absoluteTimeoutMs: 3_600_000, path: '/shop' };
    const web = await client(session, [await application()]);
    const { told = '' } = await ask(web);
    assert.match(told, /^sid=[\w-]{22}\.[0-9a-z]+\.[0-9a-z]+; Path=\/shop; .*; Max-Age=3600$/);
    assert.equal((await ask(web, asCookie(told))).told, undefined);
    const [token] = /[\w-]{22}/.exec(told) ?? [];
    const old = Math.floor(Date.now() / 1000 - 3601).toString(36);
    const ahead = Math.floor(Date.now() / 1000 + 7200).toString(36);
    for (const times of [`.${old}.${old}`, `.${ahead}.${ahead}`, '']) {
      assert.notEqual((await ask(web, `cookie: sid=${token}${times}`)).told, undefined);
    }
  });

  test('that ends when it is not used is told again, with the same beginning', async () => {
    const session = { ...COOKIE, idleTimeoutMs: 60_000 };
    const web = await client(session, [await application()]);
    const { told = '' } = await ask(web);
    const [token] = /[\w-]{22}/.exec(told) ?? [];
    const ago = (seconds: number): string => Math.floor(Date.now() / 1000 - seconds).toString(36);
    const renewed = await ask(web, `cookie: sid=${token}.${ago(500)}.${ago(30)}`);
    assert.ok(renewed.told?.startsWith(`sid=${token}.${ago(500)}.`), renewed.told);
    const over = await ask(web, `cookie: sid=${token}.${ago(500)}.${ago(61)}`);
    assert.ok(!over.told?.includes(`.${ago(500)}.`), over.told);
  });
});

test('a session by header is told in the response, and shown in requests', async () => {
  const session = { ...COOKIE, inHeader: true, name: 'x-session' };
  const web = await client(session, await Promise.all(Array.from({ length: 4 }, application)));
  const first = await ask(web, '', 'x-session');
  assert.match(first.told ?? '', /^[\w-]{22}$/);
  for (let i = 0; i < 12; i++) {
    const next = await ask(web, `X-Session: ${first.told}`, 'x-session');
    assert.deepEqual(next, { name: first.name, told: undefined });
  }
});

test('a cookie that nobody named has a name of its own for each backend', async () => {
  const web = await client({ ...COOKIE, name: '' }, [await application()]);
  assert.match((await ask(web)).told ?? '', /^remora-[0-9a-f]{8}=[\w-]{22};/);
});
