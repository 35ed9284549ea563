import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { after, describe, test } from 'node:test';
import type { Faults } from '../../sidecar/config/faults.ts';
import type { HttpMatch, Policy } from '../../sidecar/config/types.ts';
import { listen } from '../fakes/connections.ts';
import { http2Application, http2Client } from '../fakes/http2-application.ts';
import { pod, SERVICE } from '../fakes/pods.ts';
import { NO_POLICY, type TestSidecar } from '../fakes/sidecars.ts';

const ALL = 1_000_000;

const faults = (own: Partial<Faults>): Partial<Policy> => ({
  faults: {
    source: 'shop/chaos',
    matches: [],
    delay: undefined,
    abort: undefined,
    bandwidth: undefined,
    expiresAtMs: undefined,
    ...own,
  },
});

const abort = (httpStatus: number): Partial<Faults> => ({
  abort: { httpStatus, grpcStatus: undefined, partsPerMillion: ALL },
});

/** Two pods, `web` calling the service of `cart` under a policy. */
async function meshed(
  policy: Partial<Policy>,
  answer: (message: IncomingMessage) => string | Buffer = () => 'hello',
): Promise<{ web: TestSidecar; cart: TestSidecar; asked: () => number; bodies: number[] }> {
  const web = await pod('web', { accessLog: 'json' });
  const cart = await pod('cart');
  let asked = 0;
  const bodies: number[] = [];
  const server = createServer((message, response) => {
    asked += 1;
    let bytes = 0;
    message.on('data', (data) => {
      bytes += data.length;
    });
    message.on('end', () => {
      bodies.push(bytes);
      response.end(answer(message));
    });
  });
  const port = await listen(server, cart.options.address);
  after(() => {
    server.close();
    server.closeAllConnections();
  });
  const endpoint = cart.endpoint({ [SERVICE.port]: port });
  web.view.service('shop/cart', SERVICE.host, SERVICE.port, 'http1', [endpoint]);
  setPolicy(web, policy);
  web.redirected = SERVICE;
  return { web, cart, asked: () => asked, bodies };
}

function setPolicy(web: TestSidecar, policy: Partial<Policy>): void {
  const ports = [
    { port: SERVICE.port, routeBound: false, rules: [], policy: { ...NO_POLICY, ...policy } },
  ];
  web.view.change({ routes: new Map([['shop/cart', { service: 'shop/cart', ports }]]) });
}

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
  tookMs: number;
}

function ask(
  web: TestSidecar,
  options: { path?: string; method?: string; headers?: Record<string, string>; body?: Buffer } = {},
): Promise<Answer> {
  const startedMs = performance.now();
  return new Promise((resolve, reject) => {
    const { body, ...rest } = options;
    const asked = request(
      { host: '127.0.0.1', port: web.outbound.port, agent: false, ...rest },
      (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (bytes) => pieces.push(bytes));
        response.on('error', reject);
        response.on('end', () => {
          const { statusCode: status = 0, headers } = response;
          const tookMs = performance.now() - startedMs;
          resolve({ status, headers, body: Buffer.concat(pieces), tookMs });
        });
      },
    );
    asked.on('error', reject);
    asked.end(body);
  });
}

describe('an abort', () => {
  test('never comes to the application, and is told to client, metrics and log', async () => {
    const { web, asked } = await meshed(faults(abort(418)));
    const { status, headers, body } = await ask(web);
    assert.deepEqual([status, headers['x-remora-error']], [418, 'fault-injected']);
    assert.equal(String(body), 'the request was refused on purpose\n');
    assert.equal(asked(), 0);
    assert.deepEqual(web.observer.faults, ['shop/cart abort']);
    const [record] = web.observer.requests;
    assert.deepEqual([record?.status, record?.errorCode], [418, 'fault-injected']);
    const line = JSON.parse(web.lines.find((text) => text.includes('fault-injected')) ?? '{}');
    assert.match(JSON.stringify(line), /FaultPolicy shop\/chaos/);
  });

  test('of no request aborts none', async () => {
    const none = { abort: { httpStatus: 500, grpcStatus: undefined, partsPerMillion: 0 } };
    const { web } = await meshed(faults(none));
    for (let i = 0; i < 5; i++) assert.equal((await ask(web)).status, 200);
    assert.deepEqual(web.observer.faults, []);
  });

  test('is done to about its share', async () => {
    const half = { abort: { httpStatus: 500, grpcStatus: undefined, partsPerMillion: ALL / 2 } };
    const { web } = await meshed(faults(half));
    let aborted = 0;
    for (let i = 0; i < 200; i++) if ((await ask(web)).status === 500) aborted += 1;
    assert.ok(aborted > 60 && aborted < 140, `${aborted} of 200`);
  });

  test('takes what its matches take: path, method and headers together', async () => {
    const match: HttpMatch = {
      path: { kind: 'prefix', value: '/api' },
      method: 'POST',
      headers: [{ name: 'x-chaos', exact: 'yes' }],
      query: [],
    };
    const { web } = await meshed(faults({ ...abort(500), matches: [match] }));
    const headers = { 'X-Chaos': 'yes' };
    const cases = [
      [{ path: '/api/a', method: 'POST', headers }, 500],
      [{ path: '/apis', method: 'POST', headers }, 200],
      [{ path: '/api', method: 'GET', headers }, 200],
      [{ path: '/api', method: 'POST' }, 200],
      [{ path: '/x/../api', method: 'POST', headers }, 500],
    ] as const;
    for (const [options, status] of cases) {
      assert.equal((await ask(web, options)).status, status, JSON.stringify(options));
    }
  });

  test('that is over does nothing, without anybody saying so', async () => {
    const expiresAtMs = Date.now() + 400;
    const { web } = await meshed(faults({ ...abort(500), expiresAtMs }));
    assert.equal((await ask(web)).status, 500);
    await new Promise((done) => setTimeout(done, expiresAtMs + 20 - Date.now()));
    assert.equal((await ask(web)).status, 200);
    setPolicy(web, faults({ ...abort(500), expiresAtMs: Date.now() - 1 }));
    assert.equal((await ask(web)).status, 200);
  });

  test('tells a call of gRPC in its own terms', async () => {
    const web = await pod('web');
    const cart = await pod('cart');
    const app = await http2Application(cart.options.address, (stream) => stream.end());
    const endpoint = cart.endpoint({ [SERVICE.port]: app.port });
    web.view.service('shop/cart', SERVICE.host, SERVICE.port, 'grpc', [endpoint]);
    const grpc = { abort: { httpStatus: undefined, grpcStatus: 10, partsPerMillion: ALL } };
    setPolicy(web, faults(grpc));
    web.redirected = SERVICE;
    const client = http2Client(web.outbound.port);
    const headers = { ':method': 'POST', ':path': '/a.B/C', ':authority': 'cart' };
    const call = client.request({ ...headers, 'content-type': 'application/grpc' });
    call.end();
    const answer = await new Promise<Record<string, unknown>>((resolve, reject) => {
      call.on('response', resolve);
      call.on('error', reject);
    });
    assert.deepEqual(
      [answer[':status'], answer['grpc-status'], answer['x-remora-error']],
      [200, '10', 'fault-injected'],
    );
    const plain = client.request({ ...headers, ':method': 'GET' });
    const other = await new Promise<Record<string, unknown>>((done) => plain.on('response', done));
    assert.equal(other[':status'], 409, 'what says the same in HTTP');
    assert.equal(app.streams.length, 0);
  });
});

describe('a delay', () => {
  const delay = (durationMs: number): Partial<Faults> => ({
    delay: { durationMs, partsPerMillion: ALL },
  });

  test('holds the request, with its body, and then lets it go on', async () => {
    const { web, bodies } = await meshed(faults(delay(300)));
    const body = Buffer.alloc(300_000, 'x');
    const answer = await ask(web, { method: 'POST', body });
    assert.equal(String(answer.body), 'hello');
    assert.ok(answer.tookMs >= 295, `${answer.tookMs} ms`);
    assert.deepEqual(bodies, [body.length]);
    assert.deepEqual(web.observer.faults, ['shop/cart delay']);
  });

  test('counts within the request timeout', async () => {
    const { web, asked } = await meshed({ ...faults(delay(60_000)), requestTimeoutMs: 100 });
    const { status, headers } = await ask(web);
    assert.deepEqual([status, headers['x-remora-error']], [504, 'request-timeout']);
    assert.equal(asked(), 0);
  });

  test('comes before an abort', async () => {
    const { web } = await meshed(faults({ ...delay(200), ...abort(503) }));
    const { status, tookMs } = await ask(web);
    assert.equal(status, 503);
    assert.ok(tookMs >= 195, `${tookMs} ms`);
    assert.deepEqual(web.observer.faults, ['shop/cart delay', 'shop/cart abort']);
  });

  test('ends when the policy does', async () => {
    const expiresAtMs = Date.now() + 300;
    const { web } = await meshed(faults({ ...delay(3_600_000), ...abort(503), expiresAtMs }));
    assert.equal((await ask(web)).status, 200);
  });

  test('of a client that went away is over', async () => {
    const { web, asked } = await meshed(faults(delay(200)));
    const gone = request({ host: '127.0.0.1', port: web.outbound.port, agent: false });
    gone.on('error', () => {});
    gone.end();
    await new Promise((done) => setTimeout(done, 50));
    gone.socket?.resetAndDestroy();
    await new Promise((done) => setTimeout(done, 400));
    assert.equal(asked(), 0);
    assert.equal(web.observer.requests.length, 1);
  });
});

describe('a bandwidth limit', () => {
  const bandwidth = (bytesPerSecond: number): Partial<Faults> => ({
    bandwidth: { bytesPerSecond, partsPerMillion: ALL },
  });

  test('slows the response, of which nothing is lost', async () => {
    const whole = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i % 251));
    const { web } = await meshed(faults(bandwidth(200_000)), () => whole);
    const { body, tookMs } = await ask(web);
    assert.ok(body.equals(whole));
    assert.ok(tookMs >= 400, `${tookMs} ms`);
    assert.ok((web.observer.requests[0]?.durationMs ?? 0) >= 400);
    assert.deepEqual(web.observer.faults, ['shop/cart bandwidth']);
  });

  test('slows the request', async () => {
    const { web, bodies } = await meshed(faults(bandwidth(200_000)));
    const body = Buffer.alloc(100_000, 'x');
    const { tookMs } = await ask(web, { method: 'POST', body });
    assert.ok(tookMs >= 400, `${tookMs} ms`);
    assert.deepEqual(bodies, [body.length]);
  });

  test('lets large bodies through at once when it is over', async () => {
    const whole = Buffer.alloc(3_000_000, 'x');
    const expiresAtMs = Date.now() + 300;
    const { web } = await meshed(faults({ ...bandwidth(10_000), expiresAtMs }), () => whole);
    const { body } = await ask(web);
    assert.ok(body.equals(whole));
  });

  test('ends within the request timeout', async () => {
    const whole = Buffer.alloc(1_000_000, 'x');
    const policy = { ...faults(bandwidth(10_000)), requestTimeoutMs: 300 };
    const { web } = await meshed(policy, () => whole);
    await assert.rejects(ask(web));
    assert.equal(web.observer.requests[0]?.errorCode, 'request-timeout');
  });

  test('slows streams of HTTP/2 both ways, each by itself', async () => {
    const web = await pod('web');
    const cart = await pod('cart');
    const app = await http2Application(cart.options.address, (stream) => {
      stream.respond({ ':status': 200 });
      stream.pipe(stream);
    });
    const endpoint = cart.endpoint({ [SERVICE.port]: app.port });
    web.view.service('shop/cart', SERVICE.host, SERVICE.port, 'http2', [endpoint]);
    setPolicy(web, faults(bandwidth(400_000)));
    web.redirected = SERVICE;
    const client = http2Client(web.outbound.port);
    const whole = Buffer.from(Array.from({ length: 200_000 }, (_, i) => i % 249));
    const startedMs = performance.now();
    const bodies = await Promise.all(
      [1, 2, 3].map(async () => {
        const call = client.request({ ':method': 'POST', ':path': '/', ':authority': 'cart' });
        call.end(whole);
        const pieces: Buffer[] = [];
        for await (const piece of call) pieces.push(piece as Buffer);
        return Buffer.concat(pieces);
      }),
    );
    const tookMs = performance.now() - startedMs;
    for (const body of bodies) assert.ok(body.equals(whole));
    assert.ok(tookMs >= 400, `${tookMs} ms`);
  });
});
