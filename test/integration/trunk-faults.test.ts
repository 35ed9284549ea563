/**
 * What the trunk does to requests when readers stand still, and when it breaks.
 */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, request } from 'node:http';
import { connect, createServer as createTcpServer, type Socket } from 'node:net';
import { after, describe, test } from 'node:test';
import { eventually, listen } from '../fakes/connections.ts';
import { pod, SERVICE } from '../fakes/pods.ts';
import type { TestSidecar } from '../fakes/sidecars.ts';

const MIB = 1024 * 1024;
const BODY = Buffer.alloc(MIB, 'the quick brown fox ');

/** How a request ended for whoever sent it. */
type End =
  | { readonly kind: 'whole'; readonly status: number }
  | { readonly kind: 'wrong'; readonly what: string }
  /** The connection was cut in the middle of the response. */
  | { readonly kind: 'cut' };

/** Answers `/body` with a MiB, an upload with its size, `/endless` for ever, and all else at once. */
async function application(
  host: string,
): Promise<{ port: number; sent: () => number[]; requests: () => number }> {
  const sent: number[] = [];
  let requests = 0;
  const server = createServer((message, response) => {
    requests += 1;
    if (message.url === '/endless') {
      const number = sent.push(0) - 1;
      const more = (): void => {
        let room = true;
        while (room && !response.destroyed) {
          sent[number] = (sent[number] ?? 0) + BODY.length;
          room = response.write(BODY);
        }
      };
      response.on('drain', more);
      more();
    } else if (message.url === '/body') {
      response.setHeader('content-length', BODY.length).end(BODY);
    } else {
      let size = 0;
      message.on('data', (bytes: Buffer) => {
        size += bytes.length;
      });
      message.on('end', () => response.end(String(size)));
    }
  });
  after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { port: await listen(server, host), sent: () => sent, requests: () => requests };
}

/** Two pods; the trunk between them runs over a wire that can be cut. */
async function meshed(): Promise<{
  web: TestSidecar;
  app: Awaited<ReturnType<typeof application>>;
  cut(): void;
}> {
  const [web, cart] = [await pod('web'), await pod('cart')];
  const app = await application(cart.options.address);
  const ends: Socket[] = [];
  const wire = createTcpServer((near) => {
    const far = connect(cart.trunk.port, cart.options.address);
    ends.push(near, far);
    near.on('error', () => far.destroy()).pipe(far);
    far.on('error', () => near.destroy()).pipe(near);
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  });
  const cut = (): void => {
    for (const end of ends.splice(0)) end.resetAndDestroy();
  };
  after(() => {
    wire.close();
    cut();
  });
  const endpoint = cart.endpoint({ [SERVICE.port]: app.port });
  const trunkPort = await listen(wire, cart.options.address);
  web.view.service('shop/cart', SERVICE.host, SERVICE.port, 'http1', [
    { ...endpoint, workload: { ...endpoint.workload, trunkPort } },
  ]);
  web.redirected = SERVICE;
  return { web, app, cut };
}

/** One request on a connection of its own. */
function ask(web: TestSidecar, method: string, path: string, body?: Buffer): Promise<End> {
  return new Promise((resolve) => {
    const { port } = web.outbound;
    const asked = request({ host: '127.0.0.1', port, method, path, agent: false }, (response) => {
      void read(response, path, body).then(resolve);
    });
    asked.on('error', () => resolve({ kind: 'cut' }));
    asked.end(body);
  });
}

async function read(response: IncomingMessage, path: string, body?: Buffer): Promise<End> {
  const status = response.statusCode ?? 0;
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of response) chunks.push(chunk);
  } catch {
    return { kind: 'cut' };
  }
  const text = Buffer.concat(chunks);
  if (status !== 200) {
    const code = response.headers['x-remora-error'];
    return code === undefined ? { kind: 'wrong', what: `${status}` } : { kind: 'whole', status };
  }
  const expected = path === '/body' ? BODY : Buffer.from(String(body?.length ?? 0));
  return text.equals(expected)
    ? { kind: 'whole', status }
    : { kind: 'wrong', what: `${text.length} bytes instead of ${expected.length}` };
}

describe('on one connection of the trunk', () => {
  test('eight readers that stand still hold up nobody, and not much is held for them', async () => {
    const { web, app } = await meshed();
    const stalled: Socket[] = [];
    after(() => {
      for (const socket of stalled) socket.destroy();
    });
    for (let i = 0; i < 8; i++) {
      const socket = connect(web.outbound.port, '127.0.0.1');
      socket.on('error', () => {});
      socket.once('readable', () => {});
      socket.write('GET /endless HTTP/1.1\r\nHost: cart\r\n\r\n');
      stalled.push(socket);
    }
    await eventually(() => app.sent().length === 8);
    const others = await Promise.all(
      Array.from({ length: 100 }, (_, i) => ask(web, 'GET', i % 4 === 0 ? '/body' : '/')),
    );
    assert.deepEqual(new Set(others.map(({ kind }) => kind)), new Set(['whole']));
    assert.equal(web.trunkClient.connections, 1);
    // Most of it is in the buffers of six sockets for each, which the system sizes.
    for (const bytes of app.sent()) assert.ok(bytes < 40 * MIB, `${bytes / MIB} MiB are held`);
  });

  test('a large download and many small requests go on side by side', async () => {
    const { web } = await meshed();
    const downloads = Array.from({ length: 4 }, async () => {
      for (let i = 0; i < 10; i++) assert.equal((await ask(web, 'GET', '/body')).kind, 'whole');
    });
    const small = Array.from({ length: 10 }, async () => {
      for (let i = 0; i < 20; i++) assert.equal((await ask(web, 'GET', '/')).kind, 'whole');
    });
    await Promise.all([...downloads, ...small]);
  });
});

describe('when the trunk breaks', () => {
  test('each request has one clear end, and the next ones find a new connection', async () => {
    const { web, app, cut } = await meshed();
    const upload = Buffer.alloc(300_000, 'x');
    const ends: End[] = [];
    let over = false;
    const kinds: [method: string, path: string, body?: Buffer][] = [
      ['GET', '/'],
      ['GET', '/body'],
      ['POST', '/', upload],
      ['PUT', '/', upload],
    ];
    const callers = Array.from({ length: 12 }, async (_, i) => {
      const [method, path, body] = kinds[i % kinds.length] as (typeof kinds)[number];
      while (!over) ends.push(await ask(web, method, path, body));
    });
    try {
      for (let i = 0; i < 12; i++) {
        const before = ends.length;
        await eventually(() => ends.length >= before + 15);
        cut();
      }
    } finally {
      over = true;
      await Promise.all(callers);
    }
    const wrong = ends.filter(({ kind }) => kind === 'wrong');
    assert.deepEqual(wrong, []);
    assert.ok(ends.some((end) => end.kind === 'whole' && end.status === 200));
    // What each caller saw is what was counted, once.
    const { requests } = web.observer;
    await eventually(() => requests.length === ends.length);
    const whole = ends.filter((end) => end.kind === 'whole').map((end) => end.status);
    const counted = requests.filter(({ errorCode }) => errorCode === '').map((r) => r.status);
    assert.equal(counted.length, whole.filter((status) => status === 200).length);
    assert.ok(app.requests() >= counted.length);
    assert.deepEqual(await ask(web, 'POST', '/', upload), { kind: 'whole', status: 200 });
    assert.equal(web.trunkClient.connections, 1);
  });

  test('a request that may be sent twice is, when its connection breaks before an answer', async () => {
    const { web, cut } = await meshed();
    assert.equal((await ask(web, 'GET', '/')).kind, 'whole');
    for (let i = 0; i < 20; i++) {
      cut();
      assert.deepEqual(await ask(web, 'GET', '/'), { kind: 'whole', status: 200 });
      cut();
      // Until then it may go onto a connection that is dead and not known to be.
      await eventually(() => web.trunkClient.connections === 0);
      assert.deepEqual(await ask(web, 'POST', '/', Buffer.from('x')), {
        kind: 'whole',
        status: 200,
      });
    }
  });
});
