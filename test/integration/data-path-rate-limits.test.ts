import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders, request } from 'node:http';
import { after, describe, test } from 'node:test';
import type { RateLimit, RateLimitStore, RateLimits } from '../../sidecar/config/rate-limits.ts';
import type { HttpRule } from '../../sidecar/config/types.ts';
import { listen } from '../fakes/connections.ts';
import { http2Application, http2Client } from '../fakes/http2-application.ts';
import { pod, SERVICE } from '../fakes/pods.ts';
import { freePort, RedisServer, withoutRedis } from '../fakes/redis-server.ts';
import { NO_POLICY, type TestSidecar } from '../fakes/sidecars.ts';
import { until } from '../fakes/until.ts';

const HOUR_MS = 3_600_000;

/** So few requests an hour that none comes back while a test runs. */
const limit = (burst: number, own: Partial<RateLimit> = {}): RateLimit => ({
  name: 'calls',
  requests: burst,
  windowMs: HOUR_MS,
  burst,
  key: { kind: 'everybody' },
  maxKeys: 100,
  global: false,
  ...own,
});

const policy = (limits: RateLimit[], store?: Partial<RateLimitStore>): RateLimits => ({
  source: 'shop/limits',
  target: 'Service/shop/cart',
  limits,
  store: store && { host: '127.0.0.1', port: 1, timeoutMs: 500, failOpen: true, ...store },
});

interface Cart {
  readonly sidecar: TestSidecar;
  readonly port: number;
  readonly asked: () => number;
}

/** A pod with a sidecar whose program says hello. */
async function cart(): Promise<Cart> {
  const sidecar = await pod('cart', { accessLog: 'json' });
  let asked = 0;
  const server = createServer((_message, response) => {
    asked += 1;
    response.end('hello');
  });
  const port = await listen(server, sidecar.options.address);
  after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { sidecar, port, asked: () => asked };
}

/** What its own sidecar counts. */
function limitInbound({ sidecar, port }: Pick<Cart, 'sidecar' | 'port'>, ...limits: RateLimits[]) {
  const { settings } = sidecar.view.current;
  sidecar.view.change({ settings: { ...settings, rateLimits: [{ port, limits }] } });
}

async function caller(workload: string, ...carts: Cart[]): Promise<TestSidecar> {
  const web = await pod(workload);
  const endpoints = carts.map(({ sidecar, port }) => sidecar.endpoint({ [SERVICE.port]: port }));
  web.view.service('shop/cart', SERVICE.host, SERVICE.port, 'http1', endpoints);
  web.redirected = SERVICE;
  return web;
}

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
}

function ask(
  { host, port }: { host?: string; port: number },
  headers: Record<string, string> = {},
  path = '/',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { host: host ?? '127.0.0.1', port, path, headers, agent: false };
    const asked = request(options, (response) => {
      const { statusCode: status = 0, headers: answered } = response;
      response.resume();
      response.on('end', () => resolve({ status, headers: answered }));
      response.on('error', reject);
    });
    asked.on('error', reject);
    asked.end();
  });
}

const from = (web: TestSidecar, headers?: Record<string, string>, path?: string) =>
  ask({ port: web.outbound.port }, headers, path);

async function statuses(times: number, once: () => Promise<Answer>): Promise<number[]> {
  const all: number[] = [];
  for (let i = 0; i < times; i++) all.push((await once()).status);
  return all;
}

describe('limits of a service, counted where requests arrive', () => {
  test('refuse with 429 and say what is left, and when to come back', async () => {
    const it = await cart();
    limitInbound(it, policy([limit(2)]));
    const web = await caller('web', it);
    const first = await from(web);
    assert.deepEqual(
      [first.status, first.headers.ratelimit, first.headers['ratelimit-policy']],
      [200, '"calls";r=1;t=1800', '"calls";q=2;w=3600'],
    );
    assert.equal((await from(web)).status, 200);
    const { status, headers } = await from(web);
    assert.deepEqual([status, headers['x-remora-error']], [429, 'rate-limited']);
    assert.equal(headers['retry-after'], '1800');
    assert.equal(headers.ratelimit, '"calls";r=0;t=3600');
    assert.equal(headers['ratelimit-policy'], '"calls";q=2;w=3600');
    assert.equal(it.asked(), 2);
    assert.deepEqual(it.sidecar.observer.limitRefusals, ['shop/cart rate-limited']);
    assert.equal(it.sidecar.observer.requests.at(-1)?.errorCode, 'rate-limited');
    const line = it.sidecar.lines.find((text) => text.includes('rate-limited'));
    assert.match(line ?? '', /limit \\"calls\\" of RateLimitPolicy shop\/limits/);
  });

  test('count each caller by itself, and all without a sidecar as one', async () => {
    const it = await cart();
    limitInbound(it, policy([limit(2, { key: { kind: 'caller' } })]));
    const [web, admin] = [await caller('web', it), await caller('admin', it)];
    assert.deepEqual(await statuses(3, () => from(web)), [200, 200, 429]);
    assert.deepEqual(await statuses(3, () => from(admin)), [200, 200, 429]);
    it.sidecar.redirected = { host: it.sidecar.options.address, port: it.port };
    const plain = { host: it.sidecar.options.address, port: it.sidecar.inbound.port };
    assert.deepEqual(await statuses(3, () => ask(plain)), [200, 200, 429]);
  });

  test('leave a quiet caller its share, whatever another sends', async () => {
    const it = await cart();
    limitInbound(it, policy([limit(20)]));
    const [noisy, quiet] = [await caller('noisy', it), await caller('quiet', it)];
    assert.equal((await from(quiet)).status, 200);
    const got = await statuses(30, () => from(noisy));
    assert.ok(got.includes(429));
    assert.deepEqual(await statuses(4, () => from(quiet)), [200, 200, 200, 200]);
  });

  test('go by the value of a header, of which a stranger may send any', async () => {
    const it = await cart();
    const key = { kind: 'header', name: 'x-user' } as const;
    limitInbound(it, policy([limit(1, { key, maxKeys: 50 })]));
    const web = await caller('web', it);
    const hostile = ['__proto__', 'constructor', 'ÿþ', 'x'.repeat(8_000), '"};q=9', 'a, b'];
    for (const value of hostile) {
      const headers = { 'X-User': value };
      const got = await statuses(2, () => from(web, headers));
      assert.deepEqual(got, [200, 429], value.slice(0, 20));
    }
    assert.deepEqual(await statuses(2, () => from(web)), [200, 429], 'those without are one');
    assert.deepEqual(await statuses(1, () => from(web, { 'X-User': '' })), [429], 'empty is none');
  });

  test('must all have room, and none is used up for a refusal of another', async () => {
    const it = await cart();
    const key = { kind: 'header', name: 'x-user' } as const;
    limitInbound(it, policy([limit(3, { name: 'all' }), limit(1, { name: 'user', key })]));
    const web = await caller('web', it);
    const user = (name: string) => from(web, { 'X-User': name });
    assert.deepEqual(await statuses(3, () => user('a')), [200, 429, 429]);
    assert.equal((await user('b')).status, 200);
    const third = await user('c');
    assert.equal(third.status, 200);
    assert.match(String(third.headers.ratelimit), /^"all";r=0;t=\d+, "user";r=0;t=\d+$/);
    assert.equal((await user('d')).status, 429);
  });

  test('keep their count when something else changes, and begin anew when they do', async () => {
    const it = await cart();
    limitInbound(it, policy([limit(2)]));
    const web = await caller('web', it);
    assert.deepEqual(await statuses(2, () => from(web)), [200, 200]);
    limitInbound(it, policy([limit(2)]), policy([limit(9, { name: 'other' })]));
    assert.equal((await from(web)).status, 429);
    limitInbound(it, policy([limit(3)]));
    assert.equal((await from(web)).status, 200);
    const { settings } = it.sidecar.view.current;
    it.sidecar.view.change({ settings: { ...settings, rateLimits: [] } });
    assert.deepEqual(await statuses(5, () => from(web)), [200, 200, 200, 200, 200]);
  });

  test('of two policies count both', async () => {
    const it = await cart();
    limitInbound(it, policy([limit(5)]), { ...policy([limit(1)]), source: 'shop/other' });
    const web = await caller('web', it);
    assert.deepEqual(await statuses(2, () => from(web)), [200, 429]);
  });

  test('end a call of gRPC with RESOURCE_EXHAUSTED', async () => {
    const sidecar = await pod('cart');
    const app = await http2Application(sidecar.options.address, (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      stream.end();
    });
    limitInbound({ sidecar, port: app.port }, policy([limit(1)]));
    const web = await pod('web');
    const endpoint = sidecar.endpoint({ [SERVICE.port]: app.port });
    web.view.service('shop/cart', SERVICE.host, SERVICE.port, 'grpc', [endpoint]);
    web.redirected = SERVICE;
    const client = http2Client(web.outbound.port);
    const call = (): Promise<Record<string, unknown>> =>
      new Promise((resolve, reject) => {
        const stream = client.request({
          ...{ ':method': 'POST', ':path': '/a.B/C', ':authority': 'cart' },
          'content-type': 'application/grpc',
        });
        stream.on('response', (headers) => resolve({ ...headers }));
        stream.on('error', reject);
        stream.end();
      });
    assert.equal((await call())['grpc-status'], undefined);
    const refused = await call();
    assert.deepEqual(
      [refused[':status'], refused['grpc-status'], refused['x-remora-error']],
      [200, '8', 'rate-limited'],
    );
    assert.equal(refused['retry-after'], '3600');
    assert.equal(app.streams.length, 1);
  });
});

describe('limits of a route, counted where requests leave', () => {
  test('concern the requests that it takes', async () => {
    const it = await cart();
    const web = await caller('web', it);
    const rateLimits = { ...policy([limit(1)]), target: 'HTTPRoute/shop/api' };
    const backends = [
      { kind: 'service', service: 'shop/cart', port: SERVICE.port, weight: 1 } as const,
    ];
    const rule = (name: string, value: string, limits: boolean): HttpRule => ({
      name: `HTTPRoute/shop/api/${name}`,
      matches: [{ path: { kind: 'prefix', value }, method: undefined, headers: [], query: [] }],
      backends,
      policy: limits ? { ...NO_POLICY, rateLimits } : NO_POLICY,
    });
    const rules = [rule('0', '/a', true), rule('1', '/b', true), rule('2', '/c', false)];
    const ports = [{ port: SERVICE.port, routeBound: true, rules, policy: NO_POLICY }];
    web.view.change({ routes: new Map([['shop/cart', { service: 'shop/cart', ports }]]) });
    assert.equal((await from(web, {}, '/a')).status, 200);
    const refused = await from(web, {}, '/b');
    assert.deepEqual(
      [refused.status, refused.headers['x-remora-error']],
      [429, 'rate-limited'],
      'its rules share one bucket',
    );
    assert.deepEqual(await statuses(3, () => from(web, {}, '/c')), [200, 200, 200]);
    assert.deepEqual(web.observer.limitRefusals, ['shop/cart rate-limited']);
    assert.equal(it.asked(), 4);
  });
});

test('a store that does not answer makes no endpoint a failing one', async () => {
  const it = await cart();
  const store = { port: await freePort(), failOpen: false, timeoutMs: 2_000 };
  limitInbound(it, policy([limit(100, { global: true })], store));
  const web = await caller('web', it);
  // Otherwise one of one endpoint may never be out.
  const circuitBreaker = { consecutiveErrors: 2, ejectionMs: 60_000, maxEjectedPercent: 100 };
  const ports = [
    {
      ...{ port: SERVICE.port, routeBound: false, rules: [] },
      policy: { ...NO_POLICY, circuitBreaker: { ...circuitBreaker, consecutiveGatewayErrors: 1 } },
    },
  ];
  web.view.change({ routes: new Map([['shop/cart', { service: 'shop/cart', ports }]]) });
  const errors = [];
  for (let i = 0; i < 6; i++) errors.push((await from(web)).headers['x-remora-error']);
  assert.deepEqual(errors, Array(6).fill('rate-limit-unavailable'));
  assert.deepEqual(web.observer.ejections, []);
  limitInbound(it);
  assert.equal((await from(web)).status, 200);
});

describe('a limit for all sidecars', { skip: withoutRedis }, () => {
  const global = (burst: number, own: Partial<RateLimit> = {}): RateLimit =>
    limit(burst, { name: 'global', global: true, ...own });

  test('is one for all pods of a service', async () => {
    const redis = await new RedisServer(await freePort()).start();
    const carts = [await cart(), await cart()];
    const local = limit(50, { name: 'local' });
    for (const it of carts) limitInbound(it, policy([local, global(6)], { port: redis.port }));
    const webs = [];
    for (const it of carts) webs.push(await caller('web', it));
    let last: Answer | undefined;
    const got: number[] = [];
    for (let i = 0; i < 10; i++) {
      last = await from(webs[i % 2] as TestSidecar);
      got.push(last.status);
    }
    assert.deepEqual(got, [200, 200, 200, 200, 200, 200, 429, 429, 429, 429]);
    assert.match(String(last?.headers.ratelimit), /^"global";r=0;t=\d+$/);
    assert.equal((carts[0]?.asked() ?? 0) + (carts[1]?.asked() ?? 0), 6);
    assert.deepEqual(carts[0]?.sidecar.observer.storeFailures, []);
  });

  for (const { failOpen, status } of [
    { failOpen: true, status: 200 },
    { failOpen: false, status: 503 },
  ]) {
    test(`without its Redis is ${failOpen ? 'open' : 'closed'} as chosen, and counts again when it is back`, async () => {
      const redis = await new RedisServer(await freePort()).start();
      const it = await cart();
      const rule = policy([global(4)], { port: redis.port, failOpen, timeoutMs: 2_000 });
      limitInbound(it, rule);
      const web = await caller('web', it);
      assert.equal((await from(web)).headers.ratelimit, '"global";r=3;t=900');
      redis.kill();
      const failures = it.sidecar.observer.storeFailures;
      await until(async () => {
        await from(web);
        return failures.length > 0;
      }, 'the loss is noticed');
      const answer = await from(web);
      assert.equal(answer.status, status);
      if (!failOpen) assert.equal(answer.headers['x-remora-error'], 'rate-limit-unavailable');
      assert.deepEqual([...new Set(failures)], ['shop/cart unreachable']);
      await redis.start();
      await until(async () => (await from(web)).headers.ratelimit !== undefined, 'it counts again');
    });
  }

  test('whose Redis hangs holds requests up for its timeout, a few times', async () => {
    const redis = await new RedisServer(await freePort()).start();
    const it = await cart();
    limitInbound(it, policy([global(1_000)], { port: redis.port, timeoutMs: 50 }));
    const web = await caller('web', it);
    await until(
      async () => (await from(web)).headers.ratelimit !== undefined,
      'the store is asked',
    );
    redis.hang();
    const got = await Promise.all(Array.from({ length: 50 }, () => from(web)));
    assert.ok(got.every(({ status }) => status === 200));
    await until(() => {
      const failures = it.sidecar.observer.storeFailures;
      return failures.length >= 50;
    }, 'all were let through without an answer');
    assert.deepEqual(await statuses(20, () => from(web)), Array(20).fill(200));
    const last = it.sidecar.observer.storeFailures.slice(-20);
    assert.deepEqual(new Set(last), new Set(['shop/cart unreachable']), 'nobody waits any more');
    redis.wake();
  });
});
