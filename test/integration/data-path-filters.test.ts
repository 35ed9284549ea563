import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders, request } from 'node:http';
import { connect } from 'node:net';
import { after, describe, test } from 'node:test';
import type { Filters } from '../../sidecar/config/filters.ts';
import type { HttpMatch, HttpRule } from '../../sidecar/config/types.ts';
import { eventually, listen } from '../fakes/connections.ts';
import { ask as askStream, http2Application, http2Client } from '../fakes/http2-application.ts';
import { pod, program, SERVICE } from '../fakes/pods.ts';
import { NO_POLICY, type TestSidecar } from '../fakes/sidecars.ts';

/** What an application was asked, whatever the version. */
interface Seen {
  readonly method: string;
  readonly path: string;
  readonly host: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

interface Asked {
  readonly method?: string;
  readonly path?: string;
  readonly host?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

type Version = 'http1' | 'http2';

/** What every application answers with. */
const RESPONSE = { server: 'app', 'x-kept': 'kept', 'x-twice': 'one', 'set-cookie': 'a=1' };

interface Application {
  port: number;
  readonly seen: Seen[];
  /** Requests of which at least the head came. */
  begun: number;
}

/** A program that keeps what it is asked. */
async function application(version: Version, host: string): Promise<Application> {
  const seen: Seen[] = [];
  const app: Application = { port: 0, seen, begun: 0 };
  if (version === 'http2') {
    const { port } = await http2Application(host, (stream, headers) => {
      app.begun += 1;
      let body = '';
      stream.on('data', (bytes) => {
        body += bytes;
      });
      stream.on('end', () => {
        // A stream that was reset ends as well.
        if (stream.aborted || stream.destroyed) return;
        const [method, path, authority] = [':method', ':path', ':authority'].map((name) =>
          String(headers[name]),
        ) as [string, string, string];
        seen.push({ method, path, host: authority, headers, body });
        stream.respond({ ':status': 200, ...RESPONSE });
        stream.end('body');
      });
    });
    return Object.assign(app, { port });
  }
  const server = createServer((message, response) => {
    app.begun += 1;
    let body = '';
    message.on('data', (bytes) => {
      body += bytes;
    });
    message.on('end', () => {
      const { method = '', url = '', headers } = message;
      seen.push({ method, path: url, host: headers.host ?? '', headers, body });
      response.writeHead(200, RESPONSE).end('body');
    });
  });
  after(() => {
    server.close();
    server.closeAllConnections();
  });
  return Object.assign(app, { port: await listen(server, host) });
}

async function ask(version: Version, port: number, asked: Asked): Promise<Answered> {
  const { method = 'GET', path = '/', host = 'cart', headers = {}, body } = asked;
  if (version === 'http2') {
    const session = http2Client(port);
    return await askStream(
      session,
      { ':method': method, ':path': path, ':authority': host, ...headers },
      body,
    );
  }
  return await new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, agent: false, method, path };
    const sent = request({ ...options, headers: { host, ...headers } }, (response) => {
      let text = '';
      response.on('data', (bytes) => {
        text += bytes;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Half of a request. Returns how its client breaks it off. */
function askHalf(version: Version, port: number): () => void {
  if (version === 'http2') {
    const session = http2Client(port);
    const stream = session.request({ ':method': 'POST', ':authority': 'cart' });
    stream.on('error', () => {});
    stream.write('half');
    return () => session.destroy();
  }
  const socket = connect({ port, host: '127.0.0.1' });
  socket.write('POST / HTTP/1.1\r\nHost: cart\r\nContent-Length: 10\r\n\r\nhalf');
  return () => socket.destroy();
}

const filters = (own: Partial<Filters>): Filters => ({
  requestHeaders: undefined,
  responseHeaders: undefined,
  redirect: undefined,
  rewrite: undefined,
  cors: undefined,
  mirrors: [],
  ...own,
});

const changes = (own: Partial<NonNullable<Filters['requestHeaders']>>) => ({
  set: [],
  add: [],
  remove: [],
  ...own,
});

const REDIRECT = {
  scheme: undefined,
  hostname: undefined,
  path: undefined,
  port: undefined,
  status: 302,
};

const byPrefix = (value: string): HttpMatch => ({
  path: { kind: 'prefix', value },
  method: undefined,
  headers: [],
  query: [],
});

interface Rule {
  readonly prefix?: string;
  readonly rule?: Partial<Filters>;
  readonly backend?: Partial<Filters>;
}

function setRule(web: TestSidecar, { prefix = '/', rule, backend }: Rule): void {
  const service = 'shop/cart';
  const made: HttpRule = {
    name: 'HTTPRoute/shop/cart/0',
    matches: [byPrefix(prefix)],
    backends: [
      {
        kind: 'service',
        service,
        port: SERVICE.port,
        weight: 1,
        ...(backend && { filters: filters(backend) }),
      },
    ],
    policy: NO_POLICY,
    ...(rule && { filters: filters(rule) }),
  };
  const ports = [{ port: SERVICE.port, routeBound: true, rules: [made], policy: NO_POLICY }];
  web.view.change({ routes: new Map(web.view.current.routes).set(service, { service, ports }) });
}

for (const version of ['http1', 'http2'] as const) {
  /** Two pods, `web` calling the service of `cart`, by one rule. */
  const meshed = async (rule: Rule) => {
    const [web, cart] = [await pod('web'), await pod('cart')];
    const app = await application(version, cart.options.address);
    web.view.service('shop/cart', SERVICE.host, SERVICE.port, version, [
      cart.endpoint({ [SERVICE.port]: app.port }),
    ]);
    web.redirected = SERVICE;
    setRule(web, rule);
    return {
      web,
      cart,
      app,
      seen: app.seen,
      ask: (asked: Asked) => ask(version, web.outbound.port, asked),
    };
  };

  describe(`filters of a rule, ${version}`, () => {
    test('change the fields of requests', async () => {
      const { seen, ask } = await meshed({
        rule: {
          requestHeaders: changes({
            set: [
              { name: 'x-set', value: 'new' },
              { name: 'x-fresh', value: 'grüße' },
            ],
            add: [{ name: 'x-added', value: 'second' }],
            remove: ['x-removed', 'x-absent'],
          }),
        },
        backend: { requestHeaders: changes({ set: [{ name: 'x-fresh', value: 'of backend' }] }) },
      });
      const headers = { 'x-set': 'old', 'x-added': 'first', 'x-removed': 'a', 'x-other': 'b' };
      assert.equal((await ask({ method: 'POST', headers, body: 'whole' })).body, 'body');
      // An absolute target is written anew, and the order of fields stays nonetheless.
      await ask({ path: version === 'http1' ? 'http://cart/' : '/', headers });
      assert.equal(seen[1]?.headers['x-added'], 'first, second');
      const [one] = seen;
      assert.equal(one?.headers['x-set'], 'new');
      assert.equal(one?.headers['x-added'], 'first, second');
      assert.equal(one?.headers['x-removed'], undefined);
      assert.equal(one?.headers['x-fresh'], 'of backend');
      assert.equal(one?.headers['x-other'], 'b');
      assert.equal(one?.body, 'whole');
    });

    test('change the fields of responses, those of a redirect too', async () => {
      const responseHeaders = changes({
        set: [{ name: 'x-kept', value: 'set' }],
        add: [
          { name: 'x-twice', value: 'two' },
          { name: 'set-cookie', value: 'b=2' },
        ],
        remove: ['server'],
      });
      const { web, ask } = await meshed({ rule: { responseHeaders } });
      const { headers, body } = await ask({});
      assert.equal(body, 'body');
      assert.equal(headers['x-kept'], 'set');
      assert.equal(headers['x-twice'], 'one, two');
      assert.deepEqual(headers['set-cookie'], ['a=1', 'b=2']);
      assert.equal(headers.server, undefined);
      setRule(web, { rule: { responseHeaders, redirect: REDIRECT } });
      assert.equal((await ask({})).headers['x-kept'], 'set');
    });

    test('write a field as UTF-8', async () => {
      const { seen, ask } = await meshed({
        rule: { requestHeaders: changes({ set: [{ name: 'x-name', value: 'grüße' }] }) },
      });
      await ask({});
      assert.equal(Buffer.from(String(seen[0]?.headers['x-name']), 'latin1').toString(), 'grüße');
    });

    for (const { prefix = '/', rewrite, asks, gets, host = 'cart' } of [
      {
        rewrite: { hostname: 'other.example' },
        asks: '/a?b=c',
        gets: '/a?b=c',
        host: 'other.example',
      },
      { rewrite: { path: ['full', '/one'] }, asks: '/a/b?c', gets: '/one?c' },
      { prefix: '/strip', rewrite: { path: ['prefix', ''] }, asks: '/strip', gets: '/' },
      { prefix: '/strip', rewrite: { path: ['prefix', '/'] }, asks: '/strip/', gets: '/' },
      {
        prefix: '/a',
        rewrite: { path: ['prefix', '/x/'] },
        asks: '/a/b?c=%2F',
        gets: '/x/b?c=%2F',
      },
      { prefix: '/a', rewrite: { path: ['prefix', '/x'] }, asks: '/%61/./c/../b', gets: '/x/b' },
      { rewrite: { path: ['prefix', '/x'] }, asks: '/b', gets: '/x/b' },
      {
        rewrite: { hostname: 'h', path: ['full', '/p'] },
        asks: '/',
        gets: '/p',
        host: 'h',
      },
    ] as {
      prefix?: string;
      rewrite: { hostname?: string; path?: ['full' | 'prefix', string] };
      asks: string;
      gets: string;
      host?: string;
    }[]) {
      test(`rewrite ${asks} by ${JSON.stringify(rewrite)} to ${host}${gets}`, async () => {
        const [kind, value] = rewrite.path ?? [];
        const path = kind === undefined ? undefined : { kind, value: value ?? '' };
        const { seen, ask } = await meshed({
          prefix,
          rule: { rewrite: { hostname: rewrite.hostname, path } },
        });
        assert.equal((await ask({ path: asks })).status, 200);
        assert.equal(seen[0]?.path, gets);
        assert.equal(seen[0]?.host, host);
      });
    }

    test('do not rewrite a path that can be read in two ways', async () => {
      const { seen, ask } = await meshed({
        rule: { rewrite: { hostname: undefined, path: { kind: 'prefix', value: '/inner' } } },
      });
      const { status, headers } = await ask({ path: '/..%2f..%2fadmin' });
      assert.equal(status, 400);
      assert.equal(headers['x-remora-error'], 'ambiguous-path');
      assert.deepEqual(seen, []);
    });

    for (const { redirect, prefix, asks = '/a/b?q=1', host, gets, status = 302 } of [
      { redirect: {}, gets: `http://cart:${SERVICE.port}/a/b?q=1` },
      { redirect: { port: 80 }, gets: 'http://cart/a/b?q=1' },
      { redirect: { port: 8083 }, gets: 'http://cart:8083/a/b?q=1' },
      { redirect: { scheme: 'https' }, gets: 'https://cart/a/b?q=1' },
      { redirect: { scheme: 'https', port: 8443 }, gets: 'https://cart:8443/a/b?q=1' },
      { redirect: { scheme: 'http' }, gets: 'http://cart/a/b?q=1' },
      {
        redirect: { hostname: 'example.org', status: 301 },
        gets: `http://example.org:${SERVICE.port}/a/b?q=1`,
        status: 301,
      },
      {
        redirect: { port: 80, status: 308 },
        host: 'cart:1234',
        gets: 'http://cart/a/b?q=1',
        status: 308,
      },
      { redirect: { port: 80 }, host: '[::1]:1', gets: 'http://[::1]/a/b?q=1' },
      { redirect: { port: 80, path: ['full', '/new'] }, gets: 'http://cart/new?q=1' },
      { redirect: { port: 80, path: ['prefix', '/x'] }, prefix: '/a', gets: 'http://cart/x/b?q=1' },
      {
        redirect: { port: 80, path: ['prefix', ''] },
        prefix: '/a',
        asks: '/a',
        gets: 'http://cart/',
      },
      { redirect: { port: 80 }, asks: '//evil.example/', gets: 'http://cart/evil.example/' },
    ] as {
      redirect: {
        scheme?: string;
        hostname?: string;
        port?: number;
        status?: number;
        path?: ['full' | 'prefix', string];
      };
      prefix?: string;
      asks?: string;
      host?: string;
      gets: string;
      status?: number;
    }[]) {
      test(`redirect ${host ?? 'cart'}${asks} by ${JSON.stringify(redirect)}`, async () => {
        const [kind, value] = redirect.path ?? [];
        const path = kind === undefined ? undefined : { kind, value: value ?? '' };
        const { web, seen, ask } = await meshed({
          ...(prefix === undefined ? {} : { prefix }),
          rule: { redirect: { ...REDIRECT, ...redirect, path } },
        });
        const answered = await ask({
          method: 'POST',
          path: asks,
          ...(host && { host }),
          body: 'unread',
        });
        assert.equal(answered.status, status);
        assert.equal(answered.headers.location, gets);
        assert.equal(answered.body, '');
        assert.equal(answered.headers['x-remora-error'], undefined);
        assert.deepEqual(seen, []);
        await eventually(() => web.observer.requests.length === 1);
        const [record] = web.observer.requests;
        assert.equal(record?.status, status);
        assert.equal(record?.errorCode, '');
      });
    }

    const cors = {
      allowOrigins: ['https://*.example.org', 'http://localhost:3000'],
      allowCredentials: false,
      allowMethods: ['GET', 'PUT'],
      allowHeaders: ['x-token'],
      exposeHeaders: ['x-kept'],
      maxAgeSeconds: 60,
    };
    const preflight = (origin: string): Asked => ({
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'PUT',
        'access-control-request-headers': 'x-token',
      },
    });

    test('answer a preflight of an origin that is allowed', async () => {
      const { seen, ask } = await meshed({ rule: { cors } });
      for (const origin of [
        'https://a.b.example.org',
        'https://a.example.org:443',
        'http://localhost:3000',
      ]) {
        const { status, headers } = await ask(preflight(origin));
        assert.equal(status, 204);
        assert.equal(headers['access-control-allow-origin'], origin);
        assert.equal(headers['access-control-allow-methods'], 'GET, PUT');
        assert.equal(headers['access-control-allow-headers'], 'x-token');
        assert.equal(headers['access-control-max-age'], '60');
        assert.equal(headers['access-control-allow-credentials'], undefined);
        assert.equal(headers.vary, 'origin');
      }
      assert.deepEqual(seen, []);
    });

    test('tell an origin that is not allowed nothing', async () => {
      const { seen, ask } = await meshed({ rule: { cors } });
      for (const origin of [
        'https://example.org',
        'https://example.org.evil.example',
        'https://evilexample.org',
        'http://a.example.org',
        'https://a.example.org:8443',
        'http://localhost',
        'null',
        'https://a.example.org/',
      ]) {
        const { status, headers } = await ask(preflight(origin));
        assert.equal(status, 204);
        const told = Object.keys(headers).filter((name) => name.startsWith('access-control'));
        assert.deepEqual(told, [], origin);
      }
      const actual = await ask({ headers: { origin: 'https://example.org' } });
      assert.equal(actual.headers['access-control-allow-origin'], undefined);
      assert.equal(seen.length, 1);
    });

    test('tell browsers about the response itself', async () => {
      const { web, ask } = await meshed({ rule: { cors } });
      const origin = 'https://a.example.org';
      const { status, headers } = await ask({ headers: { origin } });
      assert.equal(status, 200);
      assert.equal(headers['access-control-allow-origin'], origin);
      assert.equal(headers['access-control-expose-headers'], 'x-kept');
      setRule(web, { rule: { cors: { ...cors, allowOrigins: ['*'] } } });
      assert.equal(
        (await ask({ headers: { origin } })).headers['access-control-allow-origin'],
        '*',
      );
    });

    test('never say * to requests with credentials', async () => {
      const all = { allowOrigins: ['*'], allowMethods: ['*'], allowHeaders: ['*'] };
      const { ask } = await meshed({
        rule: { cors: { ...cors, ...all, exposeHeaders: ['*'], allowCredentials: true } },
      });
      const { headers } = await ask(preflight('https://any.example'));
      assert.equal(headers['access-control-allow-origin'], 'https://any.example');
      assert.equal(headers['access-control-allow-methods'], 'PUT');
      assert.equal(headers['access-control-allow-headers'], 'x-token');
      assert.equal(headers['access-control-allow-credentials'], 'true');
      const actual = await ask({ headers: { origin: 'https://any.example' } });
      assert.equal(actual.headers['access-control-expose-headers'], undefined);
    });

    test('send OPTIONS that is no preflight to the application', async () => {
      const { seen, ask } = await meshed({ rule: { cors } });
      await ask({ method: 'OPTIONS' });
      await ask({ method: 'OPTIONS', headers: { origin: 'https://a.example.org' } });
      assert.equal(seen.length, 2);
    });
  });

  describe(`a mirror, ${version}`, () => {
    /** As above, with a second service that gets copies. */
    const mirrored = async (numerator = 1) => {
      const made = await meshed({});
      const shadow = await pod('shadow');
      const app = await application(version, shadow.options.address);
      made.web.view.service('shop/shadow', '10.96.0.11', SERVICE.port, version, [
        shadow.endpoint({ [SERVICE.port]: app.port }),
      ]);
      setRule(made.web, {
        rule: {
          requestHeaders: changes({ set: [{ name: 'x-set', value: 'a' }] }),
          mirrors: [{ service: 'shop/shadow', port: SERVICE.port, numerator, denominator: 1 }],
        },
      });
      return { ...made, copies: app.seen, copied: app, shadow };
    };

    test('gets the whole request, and its response goes nowhere', async () => {
      const { web, seen, copies, ask } = await mirrored();
      const body = 'x'.repeat(200_000);
      const { status, headers } = await ask({ method: 'POST', path: '/a?b', body });
      assert.equal(status, 200);
      assert.equal(headers['x-kept'], 'kept');
      await eventually(() => copies.length === 1, 'the copy');
      for (const one of [seen[0], copies[0]]) {
        assert.equal(one?.method, 'POST');
        assert.equal(one?.path, '/a?b');
        assert.equal(one?.host, 'cart');
        assert.equal(one?.headers['x-set'], 'a');
        assert.equal(one?.body.length, body.length);
      }
      await eventually(() => web.observer.requests.length === 2, 'a record of each');
      const services = web.observer.requests.map((record) => record.service).sort();
      assert.deepEqual(services, ['shop/cart', 'shop/shadow']);
    });

    test('of no requests gets none', async () => {
      const { copies, ask } = await mirrored(0);
      for (let i = 0; i < 5; i++) assert.equal((await ask({})).status, 200);
      assert.deepEqual(copies, []);
    });

    test('that reads nothing is given up, and the request goes on', async () => {
      const { web, seen, shadow, ask } = await mirrored();
      const stalled = await program(shadow.options.address, (socket) => socket.pause());
      web.view.change({
        endpoints: new Map(web.view.current.endpoints).set('shop/shadow', {
          service: 'shop/shadow',
          endpoints: [shadow.endpoint({ [SERVICE.port]: stalled.port })],
        }),
      });
      const body = 'x'.repeat(16 * 1024 * 1024);
      assert.equal((await ask({ method: 'POST', body })).status, 200);
      assert.equal(seen[0]?.body.length, body.length);
      await eventually(() => web.observer.requests.length === 2, 'a record of each');
      const copy = web.observer.requests.find(({ service }) => service === 'shop/shadow');
      assert.equal(copy?.status, 0);
    });

    test('of a request that its client breaks off ends with it', async () => {
      const { web, app, copies, copied } = await mirrored();
      const breakOff = askHalf(version, web.outbound.port);
      await eventually(() => app.begun === 1 && copied.begun === 1, 'both to begin');
      breakOff();
      await eventually(() => web.observer.requests.length === 2, 'a record of each');
      assert.deepEqual(
        web.observer.requests.map((record) => record.status),
        [0, 0],
      );
      assert.deepEqual(copies, []);
    });

    test('that is not there changes nothing', async () => {
      const { web, seen, ask } = await mirrored();
      web.view.change({
        endpoints: new Map(web.view.current.endpoints).set('shop/shadow', {
          service: 'shop/shadow',
          endpoints: [],
        }),
      });
      assert.equal((await ask({ method: 'PUT', body: 'b' })).status, 200);
      assert.equal(seen[0]?.body, 'b');
      await eventually(() => web.observer.requests.length === 2);
      const failed = web.observer.requests.find(({ service }) => service === 'shop/shadow');
      assert.equal(failed?.errorCode, 'no-endpoints');
    });
  });
}
