import assert from 'node:assert/strict';
import {
  Agent,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestOptions,
  request,
} from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { connect, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { after, describe, test } from 'node:test';
import type { Protocol } from '../../sidecar/config/types.ts';
import { eventually, listen } from '../fakes/connections.ts';
import { Call, pod, SERVICE } from '../fakes/pods.ts';
import { NO_POLICY, type TestSidecar } from '../fakes/sidecars.ts';

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

/** A program that answers with what it was asked. */
async function application(
  host: string,
  handler = (message: IncomingMessage): string => `${message.method} ${message.url}`,
): Promise<{ port: number; server: Server; connections: () => number }> {
  let connections = 0;
  const server = createServer((message, response) => {
    let body = '';
    message.on('data', (bytes) => {
      body += bytes;
    });
    message.on('end', () => response.end(handler(message) + body));
  });
  server.on('connection', () => {
    connections += 1;
  });
  after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { port: await listen(server, host), server, connections: () => connections };
}

function ask(options: RequestOptions & { body?: string }): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', agent: false, ...options }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text) => {
        body += text;
      });
      response.on('error', reject);
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
      });
    });
    asked.on('error', reject);
    asked.end(options.body);
  });
}

/** Two pods, `web` calling the service of `cart`. */
async function meshed(
  protocol: Protocol,
): Promise<{ web: TestSidecar; cart: TestSidecar; app: Awaited<ReturnType<typeof application>> }> {
  const [web, cart] = [await pod('web'), await pod('cart')];
  const app = await application(cart.options.address);
  web.view.service('shop/cart', SERVICE.host, SERVICE.port, protocol, [
    cart.endpoint({ [SERVICE.port]: app.port }),
  ]);
  web.redirected = SERVICE;
  return { web, cart, app };
}

for (const protocol of ['http1', 'detect'] as const) {
  describe(`HTTP to a port that is declared ${protocol}`, () => {
    test('is parsed on both sides, and protected between them', async () => {
      const { web, cart } = await meshed(protocol);
      const answer = await ask({ port: web.outbound.port, path: '/a', method: 'POST', body: '!' });
      assert.deepEqual([answer.status, answer.body], [200, 'POST /a!']);
      await eventually(() => web.observer.requests.length + cart.observer.requests.length === 2);
      for (const record of [web.observer.requests[0], cart.observer.requests[0]]) {
        assert.equal(record?.mutualTls, true);
        assert.equal(record?.source.workload, 'web');
        assert.equal(record?.destination.workload, 'cart');
        assert.equal(record?.status, 200);
      }
      assert.equal(web.observer.requests[0]?.service, 'shop/cart');
    });

    test('shares connections among requests', async () => {
      const { web, cart, app } = await meshed(protocol);
      for (let i = 0; i < 5; i++) await ask({ port: web.outbound.port, path: `/${i}` });
      assert.equal(cart.trunk.connections, 1);
      assert.equal(cart.trunk.streams, 1);
      assert.equal(app.connections(), 1);
    });

    test('works on a connection that was opened long before its first request', async () => {
      const { web, app } = await meshed(protocol);
      const call = new Call(web);
      // A port that is open to everything has an upstream opened for a silent client.
      if (protocol === 'detect') await eventually(() => app.connections() === 1);
      call.socket.write('GET /late HTTP/1.1\r\nHost: cart\r\nConnection: close\r\n\r\n');
      await call.serverEnds();
      assert.match(call.text, /^HTTP\/1.1 200 OK\r\n[\s\S]*GET \/late$/);
      assert.equal(web.observer.requests[0]?.status, 200);
      // The upstream was used, not wasted.
      assert.equal(app.connections(), 1);
    });

    test('passes HTTP/2 with prior knowledge through', async () => {
      const { web, cart } = await meshed(protocol);
      const server = createHttp2Server((_message, response) => response.end('two'));
      const port = await listen(server, cart.options.address);
      web.view.service('shop/cart', SERVICE.host, SERVICE.port, protocol, [
        cart.endpoint({ [SERVICE.port]: port }),
      ]);
      const session = connectHttp2(`http://127.0.0.1:${web.outbound.port}`);
      session.on('error', () => {});
      after(() => {
        session.destroy();
        server.close();
      });
      const stream = session.request({ ':path': '/' });
      let text = '';
      stream.setEncoding('utf8');
      stream.on('data', (chunk) => {
        text += chunk;
      });
      await eventually(() => text === 'two');
      assert.equal(web.observer.opened[0]?.mutualTls, true);
    });
  });
}

describe('a request', () => {
  test('to the address of a pod has metrics and mTLS, and no service', async () => {
    const { web, cart, app } = await meshed('http1');
    web.view.onWanted = (what) => web.view.workload(what, cart.asWorkload);
    web.redirected = { host: cart.options.address, port: app.port };
    const answer = await ask({ port: web.outbound.port, path: '/direct' });
    assert.equal(answer.body, 'GET /direct');
    const [record] = web.observer.requests;
    assert.deepEqual(
      [record?.service, record?.mutualTls, record?.destination.workload],
      ['', true, 'cart'],
    );
  });

  test('is answered with 503 when the program is dead and its sidecar is not', async () => {
    const { web, cart } = await meshed('http1');
    web.view.service('shop/cart', SERVICE.host, SERVICE.port, 'http1', [
      cart.endpoint({ [SERVICE.port]: 9 }),
    ]);
    const answer = await ask({ port: web.outbound.port });
    assert.equal(answer.status, 503);
    assert.equal(answer.headers['x-remora-error'], 'connect-failed');
  });

  test('goes where the newest configuration says, on a kept connection too', async () => {
    const { web, app } = await meshed('http1');
    const [next, agent] = [await pod('cart'), new Agent({ keepAlive: true, maxSockets: 1 })];
    after(() => agent.destroy());
    const other = await application(next.options.address, () => 'new ');
    const options = { port: web.outbound.port, agent };
    assert.equal((await ask(options)).body, 'GET /');
    web.view.service('shop/cart', SERVICE.host, SERVICE.port, 'http1', [
      next.endpoint({ [SERVICE.port]: other.port }),
    ]);
    assert.equal((await ask(options)).body, 'new ');
    assert.equal(web.outbound.connections, 1);
    assert.equal(app.connections(), 1);
  });

  test('that is under way is finished when its endpoint leaves', async () => {
    const { web, cart } = await meshed('http1');
    let answer: (() => void) | undefined;
    const slow = createServer((_message, response) => {
      response.write('half ');
      answer = () => response.end('whole');
    });
    const port = await listen(slow, cart.options.address);
    after(() => slow.close());
    web.view.service('shop/cart', SERVICE.host, SERVICE.port, 'http1', [
      cart.endpoint({ [SERVICE.port]: port }),
    ]);
    const asked = ask({ port: web.outbound.port });
    await eventually(() => answer !== undefined);
    web.view.service('shop/cart', SERVICE.host, SERVICE.port, 'http1', []);
    const draining = cart.trunk.stop(AbortSignal.timeout(20_000));
    answer?.();
    assert.equal((await asked).body, 'half whole');
    await draining;
    assert.equal((await ask({ port: web.outbound.port })).status, 503);
  });

  test('may switch to another protocol, which the trunk carries', async () => {
    const { web, cart } = await meshed('http1');
    const server = createServer();
    server.on('upgrade', (_message, socket) => {
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n',
      );
      socket.pipe(socket);
    });
    const port = await listen(server, cart.options.address);
    after(() => server.close());
    web.view.service('shop/cart', SERVICE.host, SERVICE.port, 'http1', [
      cart.endpoint({ [SERVICE.port]: port }),
    ]);
    const call = new Call(web);
    call.socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n');
    await eventually(() => call.text.endsWith('\r\n\r\n'));
    assert.match(call.text, /^HTTP\/1.1 101 /);
    call.socket.write('ping');
    await eventually(() => call.text.endsWith('ping'));
    call.socket.end();
    await call.closed;
  });

  test('of a client from outside the mesh is taken in plain text', async () => {
    const { cart, app } = await meshed('http1');
    cart.redirected = { host: cart.options.address, port: app.port };
    const answer = await ask({ host: cart.options.address, port: cart.inbound.port, path: '/x' });
    assert.equal(answer.body, 'GET /x');
    assert.equal(cart.observer.requests[0]?.mutualTls, false);
  });
});

describe('the explicit proxy', () => {
  async function proxied(): Promise<Awaited<ReturnType<typeof meshed>>> {
    const mesh = await meshed('http1');
    mesh.web.redirected = undefined;
    return mesh;
  }

  for (const name of ['cart', 'cart.shop', 'cart.shop.svc.cluster.local', SERVICE.host]) {
    test(`takes a request for http://${name}`, async () => {
      const { web } = await proxied();
      const path = `http://${name}:${SERVICE.port}/a`;
      const answer = await ask({ port: web.outbound.port, path });
      assert.deepEqual([answer.status, answer.body], [200, 'GET /a']);
      assert.equal(web.observer.requests[0]?.service, 'shop/cart');
      assert.equal(web.observer.requests[0]?.mutualTls, true);
    });
  }

  test('takes CONNECT to a service as if it had been intercepted', async () => {
    const { web } = await proxied();
    const call = new Call(web);
    call.socket.write(`CONNECT cart.shop:${SERVICE.port} HTTP/1.1\r\nHost: cart.shop\r\n\r\n`);
    await eventually(() => call.text.endsWith('\r\n\r\n'));
    assert.match(call.text, /^HTTP\/1.1 200 /);
    call.socket.write('GET /in HTTP/1.1\r\nHost: cart\r\nConnection: close\r\n\r\n');
    await call.serverEnds();
    assert.match(call.text, /GET \/in$/);
    assert.equal(web.observer.requests[0]?.service, 'shop/cart');
  });

  test('takes bytes that came along with CONNECT, and other places', async () => {
    const { web } = await proxied();
    const outside = await application('127.0.0.1');
    const call = new Call(web);
    call.socket.write(
      `CONNECT localhost:${outside.port} HTTP/1.1\r\nHost: x\r\n\r\nGET /out HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    );
    await call.serverEnds();
    assert.match(call.text, /^HTTP\/1.1 200 [\s\S]*GET \/out$/);
    const answer = await ask({
      port: web.outbound.port,
      path: `http://localhost:${outside.port}/plain`,
    });
    assert.equal(answer.body, 'GET /plain');
  });

  test('waits for the details of a service that is called for the first time', async () => {
    const [web, cart] = [await pod('web'), await pod('cart')];
    const app = await application(cart.options.address);
    const tell = (known: boolean): void =>
      web.view.service(
        'shop/cart',
        SERVICE.host,
        SERVICE.port,
        'http1',
        known ? [cart.endpoint({ [SERVICE.port]: app.port })] : undefined,
      );
    tell(false);
    web.view.onWanted = () => setImmediate(tell, true);
    const answer = await ask({ port: web.outbound.port, path: `http://cart:${SERVICE.port}/` });
    assert.equal(answer.status, 200);
  });

  test('refuses what is no proxy request, and the sidecar itself', async () => {
    const { web } = await proxied();
    const { port } = web.outbound;
    const refused = [
      await ask({ port, path: '/' }),
      await ask({ port, path: `http://127.0.0.1:${port}/` }),
      await ask({ port, path: `http://localhost:15000/` }),
    ];
    assert.deepEqual(
      refused.map(({ status, headers }) => [status, headers['x-remora-error']]),
      [
        [400, 'not-a-proxy-request'],
        [403, 'destination-not-allowed'],
        [403, 'destination-not-allowed'],
      ],
    );
    const call = new Call(web);
    call.socket.write('CONNECT 127.0.0.1:15000 HTTP/1.1\r\nHost: x\r\n\r\n');
    call.socket.end();
    await call.closed;
    assert.match(call.text, /^HTTP\/1.1 403 /);
  });

  test('reaches no port of the sidecar under another name', async () => {
    const admin = createServer((_message, response) => response.end('secret'));
    const own = await listen(admin);
    after(() => admin.close());
    const web = await pod('web', { interception: 'explicit', ownPorts: [own] });
    const { port } = web.outbound;
    for (const host of ['0.0.0.0', '[::ffff:7f00:1]', '[::]', '0x7f000001', '2130706433', '0']) {
      const { status, headers } = await ask({ port, path: `http://${host}:${own}/` });
      assert.deepEqual(
        [host, status, headers['x-remora-error']],
        [host, 403, 'destination-not-allowed'],
      );
    }
  });

  const outside = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4')?.address;
  const skip = outside === undefined && 'this machine has no address but loopback';
  test('serves nobody but its own pod', { skip }, async () => {
    const web = await pod('web', { outboundHost: '0.0.0.0' });
    const socket = connect(web.outbound.port, outside);
    socket.on('error', () => {});
    socket.write('CONNECT localhost:1 HTTP/1.1\r\nHost: x\r\n\r\n');
    await new Promise((resolve) => socket.once('close', resolve));
    assert.equal(socket.bytesRead, 0);
  });
});

test('a first request that was on its way when the drain began is answered', async () => {
  const { cart, app } = await meshed('http1');
  const { settings } = cart.view.current;
  const inboundPorts = [{ port: app.port, name: 'http', protocol: 'http1' as const }];
  cart.view.change({ settings: { ...settings, inboundPorts } });
  cart.redirected = { host: cart.options.address, port: app.port };
  const call = connect(cart.inbound.port, cart.options.address);
  let received = '';
  call.on('data', (bytes) => {
    received += bytes;
  });
  await eventually(() => cart.inbound.connections === 1);
  const drained = cart.inbound.stop(AbortSignal.timeout(10_000));
  call.write('GET /x HTTP/1.1\r\nHost: cart\r\n\r\n');
  await drained;
  assert.match(received, /^HTTP\/1.1 200 .*connection: close\r\n.*GET \/x/is);
});

describe('connections that carry HTTP', () => {
  for (const protocol of ['http1', 'detect'] as const) {
    test(`are counted at both ends, once for many requests, on a ${protocol} port`, async () => {
      const { web, cart } = await meshed(protocol);
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      after(() => agent.destroy());
      const port = web.outbound.port;
      for (let i = 0; i < 3; i++) await ask({ port, agent, headers: { host: 'cart' } });
      const parties = {
        source: { namespace: 'shop', workload: 'web' },
        destination: { namespace: 'shop', workload: 'cart' },
        mutualTls: true,
        protocol: 'http',
      };
      assert.deepEqual(web.observer.opened, [
        { direction: 'outbound', service: 'shop/cart', ...parties },
      ]);
      assert.deepEqual(cart.observer.opened, [{ direction: 'inbound', service: '', ...parties }]);
      assert.equal(web.observer.closed.length, 0);
      web.clusters.stop();
      await eventually(() => web.observer.closed.length + cart.observer.closed.length === 2);
      const [sent, received] = [web.observer.closed[0], cart.observer.closed[0]];
      assert.ok(sent && received && sent.bytesSent > 50 && sent.bytesReceived > 50);
      assert.equal(sent.bytesSent, received.bytesSent);
      assert.equal(sent.bytesReceived, received.bytesReceived);
    });
  }
});

test('the circuit breaker of a rule takes out an endpoint of its backend', async () => {
  const [web, good, bad] = [await pod('web'), await pod('cart'), await pod('cart')];
  const app = await application(good.options.address);
  const failing = createServer((_message, response) => response.writeHead(500).end());
  const failingPort = await listen(failing, bad.options.address);
  after(() => {
    failing.close();
    failing.closeAllConnections();
  });
  web.view.service('shop/cart', '10.96.0.11', 80, 'http1', [
    good.endpoint({ 80: app.port }),
    bad.endpoint({ 80: failingPort }),
  ]);
  web.view.service('shop/front', SERVICE.host, SERVICE.port, 'http1', []);
  const circuitBreaker = { consecutiveErrors: 2, ejectionMs: 60_000, maxEjectedPercent: 50 };
  const rule = {
    name: 'HTTPRoute/shop/front/0',
    matches: [],
    backends: [{ kind: 'service' as const, service: 'shop/cart', port: 80, weight: 1 }],
    policy: { ...NO_POLICY, circuitBreaker },
  };
  const ports = [{ port: SERVICE.port, routeBound: true, rules: [rule], policy: NO_POLICY }];
  const routes = new Map(web.view.current.routes);
  web.view.change({ routes: routes.set('shop/front', { service: 'shop/front', ports }) });
  web.redirected = SERVICE;
  const call = async (): Promise<number> => (await ask({ port: web.outbound.port })).status;
  for (let i = 0; i < 100 && web.observer.ejections.length === 0; i++) await call();
  assert.deepEqual(web.observer.ejections, [
    `ejected shop/cart ${bad.options.address}:${failingPort}`,
  ]);
  for (let i = 0; i < 20; i++) assert.equal(await call(), 200);
});

describe('a pod that dies while another lives', () => {
  function idleConnections(of: TestSidecar): number {
    const clusters = Object.values(of.clusters.describe()) as { endpoints: { idle: number }[] }[];
    return clusters.flatMap(({ endpoints }) => endpoints).reduce((sum, { idle }) => sum + idle, 0);
  }

  /** Calls that were answered by either of the two before, so that connections to both are kept. */
  async function twoCarts(agent: Agent): Promise<{
    web: TestSidecar;
    dies: { pod: TestSidecar; app: Awaited<ReturnType<typeof application>> };
    call: (count: number) => Promise<number[]>;
  }> {
    const web = await pod('web');
    const carts = [];
    for (let i = 0; i < 2; i++) {
      const cart = await pod('cart');
      carts.push({ pod: cart, app: await application(cart.options.address) });
    }
    web.view.service(
      'shop/cart',
      SERVICE.host,
      SERVICE.port,
      'http1',
      carts.map((cart) => cart.pod.endpoint({ [SERVICE.port]: cart.app.port })),
    );
    web.redirected = SERVICE;
    const call = async (count: number): Promise<number[]> => {
      const port = web.outbound.port;
      const headers = { host: 'cart' };
      const one = () => ask({ port, agent, headers, method: 'POST', body: 'x' });
      return (await Promise.all(Array.from({ length: count }, one))).map(({ status }) => status);
    };
    const [dies] = carts;
    assert.ok(dies);
    return { web, dies, call };
  }

  const agents = (): Agent => {
    const agent = new Agent({ keepAlive: true });
    after(() => agent.destroy());
    return agent;
  };

  test('costs no request when it was the program: its sidecar says so', async () => {
    const { web, dies, call } = await twoCarts(agents());
    await call(30);
    dies.app.server.close();
    (dies.app.server as unknown as { closeAllConnections(): void }).closeAllConnections();
    // A POST on a connection whose end was not read yet could not be sent again.
    await eventually(() => idleConnections(dies.pod) === 0);
    for (let i = 0; i < 3; i++) {
      assert.deepEqual(new Set(await call(10)), new Set([200]));
    }
    assert.ok(web.observer.retries.every((retry) => retry === 'shop/cart connect-failed'));
  });

  test('costs no request when it was the sidecar', async () => {
    const { web, dies, call } = await twoCarts(agents());
    await call(30);
    await dies.pod.trunk.stop(AbortSignal.abort());
    // Until its end is seen, what is sent to it may have been carried out.
    await eventually(() => web.trunkClient.connections === 1);
    for (let i = 0; i < 3; i++) {
      assert.deepEqual(new Set(await call(10)), new Set([200]));
    }
  });
});
