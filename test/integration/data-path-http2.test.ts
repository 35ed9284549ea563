import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  type ClientHttp2Stream,
  constants,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { after, describe, test } from 'node:test';
import type { HttpRule, Policy, Protocol } from '../../sidecar/config/types.ts';
import { eventually } from '../fakes/connections.ts';
import {
  answer,
  ask,
  echo,
  type Http2Application,
  http2Application,
  http2Client,
} from '../fakes/http2-application.ts';
import { pod, SERVICE } from '../fakes/pods.ts';
import { NO_POLICY, type TestSidecar } from '../fakes/sidecars.ts';

type OnStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/** Two pods, `web` calling the service of `cart`. */
async function meshed(
  protocol: Protocol = 'http2',
  onStream: OnStream = echo,
): Promise<{ web: TestSidecar; cart: TestSidecar; app: Http2Application }> {
  const [web, cart] = [await pod('web'), await pod('cart')];
  const app = await http2Application(cart.options.address, onStream);
  web.view.service('shop/cart', SERVICE.host, SERVICE.port, protocol, [
    cart.endpoint({ [SERVICE.port]: app.port }),
  ]);
  web.redirected = SERVICE;
  return { web, cart, app };
}

/** One pod, and two behind the service that it calls. */
async function twoCarts(onStreams: [OnStream, OnStream]): Promise<{
  web: TestSidecar;
  carts: { cart: TestSidecar; app: Http2Application }[];
}> {
  const web = await pod('web');
  const carts = [];
  for (const onStream of onStreams) {
    const cart = await pod('cart');
    carts.push({ cart, app: await http2Application(cart.options.address, onStream) });
  }
  web.view.service(
    'shop/cart',
    SERVICE.host,
    SERVICE.port,
    'http2',
    carts.map(({ cart, app }) => cart.endpoint({ [SERVICE.port]: app.port })),
  );
  web.redirected = SERVICE;
  return { web, carts };
}

/** Answers with a name. */
const named =
  (name: string): OnStream =>
  (stream) => {
    stream.respond({ ':status': 200 });
    stream.end(name);
  };

function setPolicy(web: TestSidecar, policy: Partial<Policy>): void {
  setRoutes(web, [], { ...NO_POLICY, ...policy });
}

const RETRIES = {
  attempts: 2,
  statusCodes: new Set<number>(),
  connectFailure: true,
  backoffBaseMs: 1,
  backoffMaxMs: 2,
  budgetPercent: 20,
  budgetMinPerSecond: 10,
};

function setRoutes(web: TestSidecar, rules: HttpRule[], policy: Policy = NO_POLICY): void {
  const ports = [{ port: SERVICE.port, routeBound: false, rules, policy }];
  const routes = new Map(web.view.current.routes);
  web.view.change({ routes: routes.set('shop/cart', { service: 'shop/cart', ports }) });
}

async function resetCode(stream: ClientHttp2Stream): Promise<number> {
  if (!stream.closed) await new Promise((resolve) => stream.once('close', resolve));
  return stream.rstCode ?? 0;
}

for (const protocol of ['http2', 'grpc', 'http1', 'detect'] as const) {
  describe(`HTTP/2 to a port that is declared ${protocol}`, () => {
    test('is passed on request by request, and protected between the sidecars', async () => {
      const { web, cart, app } = await meshed(protocol);
      const session = http2Client(web.outbound.port);
      const answers = await Promise.all(
        [1, 2, 3].map((i) => ask(session, { ':path': `/${i}`, ':method': 'POST' }, '!')),
      );
      assert.deepEqual(
        answers.map(({ status, body }) => `${status} ${body}`),
        ['200 POST /1 !', '200 POST /2 !', '200 POST /3 !'],
      );
      assert.equal(answers[0]?.headers['x-authority'], 'cart');
      await eventually(() => web.observer.requests.length + cart.observer.requests.length === 6);
      for (const record of [web.observer.requests[0], cart.observer.requests[0]]) {
        assert.equal(record?.mutualTls, true);
        assert.equal(record?.source.workload, 'web');
        assert.equal(record?.destination.workload, 'cart');
        assert.equal(record?.status, 200);
      }
      assert.equal(web.observer.requests[0]?.service, 'shop/cart');
      assert.equal(cart.trunk.connections, 1);
      assert.equal(cart.trunk.streams, 1);
      assert.equal(app.sessions.length, 1);
    });
  });
}

describe('a request of HTTP/2', () => {
  test('to a pod without a sidecar goes out in plain text', async () => {
    const web = await pod('web');
    const app = await http2Application('127.0.0.1', echo);
    web.view.onWanted = (what) => web.view.workload(what, null);
    web.redirected = { host: '127.0.0.1', port: app.port };
    const { body } = await ask(http2Client(web.outbound.port), { ':path': '/plain' });
    assert.equal(body, 'GET /plain ');
    assert.equal(web.observer.requests[0]?.mutualTls, false);
  });

  test('of a client from outside the mesh is taken in plain text', async () => {
    const { cart, app } = await meshed();
    cart.redirected = { host: cart.options.address, port: app.port };
    const session = http2Client(cart.inbound.port, cart.options.address);
    const { body } = await ask(session, {
      ':path': '/x',
      'x-forwarded-client-cert': 'URI=spiffe://forged',
    });
    assert.equal(body, 'GET /x ');
    assert.equal(cart.observer.requests[0]?.mutualTls, false);
  });

  test('tells the application who called, and nothing that the client made up', async () => {
    let seen: IncomingHttpHeaders = {};
    const { web } = await meshed('http2', (stream, headers) => {
      seen = headers;
      stream.respond({ ':status': 200, 'x-remora-error': 'made-up' });
      stream.end();
    });
    const { headers } = await ask(http2Client(web.outbound.port), {
      'x-forwarded-client-cert': 'URI=spiffe://forged',
      'x-remora-anything': '1',
      'remora-destination': '127.0.0.1:1',
      'x-own': 'stays',
    });
    assert.equal(seen['x-forwarded-client-cert'], 'URI=spiffe://cluster.local/ns/shop/sa/web');
    assert.equal(seen['x-remora-anything'], undefined);
    assert.equal(seen['remora-destination'], undefined);
    assert.equal(seen['x-own'], 'stays');
    assert.equal(headers['x-remora-error'], undefined);
  });

  test('has its interim responses and its trailers passed on, both ways', async () => {
    let received: IncomingHttpHeaders | undefined;
    const { web } = await meshed('http2', (stream) => {
      stream.additionalHeaders({ ':status': 103, link: '</a>' });
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '1' }));
      stream.on('trailers', (trailers) => {
        received = trailers;
      });
      stream.on('data', () => {});
      stream.on('end', () => stream.end('body'));
    });
    const stream = http2Client(web.outbound.port).request(
      { ':authority': 'cart', ':method': 'POST' },
      { waitForTrailers: true },
    );
    let interim: IncomingHttpHeaders | undefined;
    stream.on('headers', (headers) => {
      interim = headers;
    });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-of-client': '2' }));
    const answered = answer(stream);
    stream.end('request');
    const { body, trailers } = await answered;
    assert.equal(body, 'body');
    assert.equal(trailers['x-sum'], '1');
    assert.equal(interim?.[':status'], 103);
    assert.equal(received?.['x-of-client'], '2');
  });

  test('waits for 100 where the client does', async () => {
    const { web } = await meshed('http2', (stream, headers) => {
      assert.equal(headers.expect, '100-continue');
      stream.additionalHeaders({ ':status': 100 });
      stream.respond({ ':status': 200 });
      stream.pipe(stream);
    });
    const stream = http2Client(web.outbound.port).request({
      ':authority': 'cart',
      ':method': 'POST',
      expect: '100-continue',
    });
    const answered = answer(stream);
    await once(stream, 'continue');
    stream.end('now');
    assert.equal((await answered).body, 'now');
  });

  for (const [method, status] of [
    ['HEAD', 200],
    ['GET', 204],
    ['GET', 304],
  ] as const) {
    test(`with ${method} and the answer ${status} has no body`, async () => {
      const { web } = await meshed('http2', (stream) => {
        const length = status === 204 ? {} : { 'content-length': '5' };
        stream.respond({ ':status': status, ...length }, { endStream: true });
      });
      const got = await ask(http2Client(web.outbound.port), { ':method': method });
      assert.deepEqual([got.status, got.body], [status, '']);
      assert.equal(got.headers['content-length'], status === 204 ? undefined : '5');
    });
  }

  test('that is cancelled is cancelled at the application', async () => {
    const { web, cart, app } = await meshed('http2', () => {});
    const stream = http2Client(web.outbound.port).request({ ':authority': 'cart' });
    await eventually(() => app.streams.length === 1);
    stream.close(constants.NGHTTP2_CANCEL);
    await eventually(() => app.streams[0]?.closed === true);
    assert.equal(app.streams[0]?.rstCode, constants.NGHTTP2_CANCEL);
    await eventually(() => cart.observer.requests.length === 1);
    assert.equal(web.observer.requests[0]?.status, 0);
    // The connections stay.
    assert.equal(app.sessions[0]?.closed, false);
  });

  test('whose response breaks off is reset', async () => {
    const { web, app } = await meshed('http2', (stream) => {
      stream.respond({ ':status': 200 });
      stream.write('half');
    });
    const stream = http2Client(web.outbound.port).request({ ':authority': 'cart' });
    stream.on('error', () => {});
    stream.setEncoding('utf8');
    await once(stream, 'data');
    app.streams[0]?.destroy(new Error('the program failed'));
    assert.equal(await resetCode(stream), constants.NGHTTP2_INTERNAL_ERROR);
    assert.equal(web.observer.requests[0]?.errorCode, 'upstream-reset');
  });

  test('is answered early, and told to send no more', async () => {
    const { web } = await meshed('http2', (stream) => {
      stream.respond({ ':status': 413 }, { endStream: true });
      stream.close(constants.NGHTTP2_NO_ERROR);
    });
    const stream = http2Client(web.outbound.port).request({
      ':authority': 'cart',
      ':method': 'POST',
    });
    const answered = answer(stream);
    stream.write('more to come');
    const { status } = await answered;
    assert.equal(status, 413);
    assert.equal(stream.rstCode, constants.NGHTTP2_NO_ERROR);
  });

  test('with CONNECT is refused', async () => {
    const { web } = await meshed();
    const session = http2Client(web.outbound.port);
    const refused = await ask(session, { ':method': 'CONNECT', ':authority': 'cart:80' });
    assert.deepEqual(
      [refused.status, refused.headers['x-remora-error']],
      [501, 'connect-unsupported'],
    );
    assert.notEqual(session.remoteSettings.enableConnectProtocol, true);
  });

  test('is answered with 503 when the program is dead and its sidecar is not', async () => {
    const { web, cart } = await meshed();
    web.view.service('shop/cart', SERVICE.host, SERVICE.port, 'http2', [
      cart.endpoint({ [SERVICE.port]: 9 }),
    ]);
    const { status, headers } = await ask(http2Client(web.outbound.port), {});
    assert.deepEqual([status, headers['x-remora-error']], [503, 'connect-failed']);
  });

  test('is answered with 502 when the program does not speak HTTP/2', async () => {
    const { web, cart } = await meshed();
    const { createServer } = await import('node:http');
    const old = createServer((_message, response) => response.end('one'));
    const { listen } = await import('../fakes/connections.ts');
    const port = await listen(old, cart.options.address);
    after(() => old.close());
    web.view.service('shop/cart', SERVICE.host, SERVICE.port, 'http2', [
      cart.endpoint({ [SERVICE.port]: port }),
    ]);
    const { status, headers } = await ask(http2Client(web.outbound.port), {});
    assert.deepEqual([status, headers['x-remora-error']], [502, 'upstream-protocol-error']);
  });
});

describe('the policy of a service', () => {
  test('retries a status, with the body once more', async () => {
    const bodies: string[] = [];
    const { web } = await meshed('http2', (stream) => {
      let body = '';
      stream.setEncoding('utf8');
      stream.on('data', (text) => {
        body += text;
      });
      stream.on('end', () => {
        bodies.push(body);
        stream.respond({ ':status': bodies.length < 3 ? 503 : 200 });
        stream.end('done');
      });
    });
    setPolicy(web, { retries: { ...RETRIES, statusCodes: new Set([503]) } });
    const session = http2Client(web.outbound.port);
    const got = await ask(session, { ':method': 'POST' }, 'whole');
    assert.deepEqual([got.status, got.body], [200, 'done']);
    assert.deepEqual(bodies, ['whole', 'whole', 'whole']);
    assert.deepEqual(web.observer.retries, ['shop/cart 503', 'shop/cart 503']);
  });

  test('limits the time of a request, and resets it at the application', async () => {
    const { web, app } = await meshed('http2', () => {});
    setPolicy(web, { requestTimeoutMs: 30 });
    const { status, headers } = await ask(http2Client(web.outbound.port), {});
    assert.deepEqual([status, headers['x-remora-error']], [504, 'request-timeout']);
    await eventually(() => app.streams[0]?.closed === true);
  });

  test('is not needed for a call of gRPC to end with its deadline', async () => {
    const { web, app } = await meshed('http2', () => {});
    const { status, headers } = await ask(http2Client(web.outbound.port), {
      ':method': 'POST',
      'content-type': 'application/grpc+proto',
      'grpc-timeout': '30m',
      te: 'trailers',
    });
    assert.deepEqual([status, headers['grpc-status']], [200, '4']);
    assert.equal(headers['x-remora-error'], 'request-timeout');
    await eventually(() => app.streams[0]?.closed === true);
  });

  test('limits how long a stream may be silent, and no other stream of the connection', async () => {
    const { web } = await meshed('http2', (stream, headers) => {
      stream.respond({ ':status': 200 });
      if (headers[':path'] === '/busy') {
        const timer = setInterval(() => stream.write('.'), 10);
        stream.on('close', () => clearInterval(timer));
      }
    });
    setPolicy(web, { idleTimeoutMs: 100 });
    const session = http2Client(web.outbound.port);
    const [quiet, busy] = ['/quiet', '/busy'].map((path) => {
      const stream = session.request({ ':authority': 'cart', ':path': path });
      stream.on('error', () => {});
      stream.resume();
      return stream;
    }) as [ClientHttp2Stream, ClientHttp2Stream];
    assert.equal(await resetCode(quiet), constants.NGHTTP2_INTERNAL_ERROR);
    assert.equal(busy.closed, false);
    busy.close();
    assert.equal(web.observer.requests[0]?.errorCode, 'idle-timeout');
  });

  test('takes out an endpoint that fails', async () => {
    const { web, carts } = await twoCarts([
      echo,
      (stream) => stream.respond({ ':status': 500 }, { endStream: true }),
    ]);
    const session = http2Client(web.outbound.port);
    for (let i = 0; i < 100 && web.observer.ejections.length === 0; i++) await ask(session, {});
    const address = carts[1]?.cart.options.address;
    assert.deepEqual(web.observer.ejections, [
      `ejected shop/cart ${address}:${carts[1]?.app.port}`,
    ]);
    for (let i = 0; i < 20; i++) assert.equal((await ask(session, {})).status, 200);
  });

  test('is not needed where a server refuses a stream: it is sent once more', async () => {
    let refused = 0;
    const { web } = await meshed('http2', (stream, headers) => {
      if (refused++ === 0) stream.close(constants.NGHTTP2_REFUSED_STREAM);
      else echo(stream, headers);
    });
    const got = await ask(http2Client(web.outbound.port), { ':method': 'POST' }, 'body');
    assert.deepEqual([got.status, got.body], [200, 'POST / body']);
  });
});

describe('requests of HTTP/2 on one connection', () => {
  test('are balanced one by one', async () => {
    const { web, carts } = await twoCarts([echo, echo]);
    const session = http2Client(web.outbound.port);
    for (let i = 0; i < 40; i++) await ask(session, { ':path': `/${i}` });
    const counts = carts.map(({ app }) => app.streams.length);
    assert.equal(counts[0] === 0 || counts[1] === 0, false, String(counts));
    assert.equal(web.outbound.connections, 1);
    assert.deepEqual(
      carts.map(({ app }) => app.sessions.length),
      [1, 1],
    );
  });

  test('follow the rules and weights of the routes', async () => {
    const web = await pod('web');
    const [v1, v2] = [await pod('cart'), await pod('cart')];
    const [one, two] = [
      await http2Application(v1.options.address, named('v1')),
      await http2Application(v2.options.address, named('v2')),
    ];
    web.view.service('shop/v1', '10.96.1.1', 80, 'http2', [v1.endpoint({ 80: one.port })]);
    web.view.service('shop/v2', '10.96.1.2', 80, 'http2', [v2.endpoint({ 80: two.port })]);
    web.view.service('shop/cart', SERVICE.host, SERVICE.port, 'http2', []);
    web.redirected = SERVICE;
    const backend = (service: string, weight: number) =>
      ({ kind: 'service', service, port: 80, weight }) as const;
    const path = { kind: 'prefix', value: '/only-two' } as const;
    setRoutes(web, [
      {
        name: 'two',
        matches: [{ path, method: undefined, headers: [], query: [] }],
        backends: [backend('shop/v2', 1)],
        policy: NO_POLICY,
      },
      {
        name: 'split',
        matches: [],
        backends: [backend('shop/v1', 90), backend('shop/v2', 10)],
        policy: NO_POLICY,
      },
    ]);
    const session = http2Client(web.outbound.port);
    const { body } = await ask(session, { ':path': '/x/../only-two/%61' });
    assert.equal(body, 'v2');
    const ambiguous = await ask(session, { ':path': '/x%2f..' });
    assert.equal(ambiguous.headers['x-remora-error'], 'ambiguous-path');
    const bodies = await Promise.all(Array.from({ length: 200 }, () => ask(session, {})));
    const share = bodies.filter((got) => got.body === 'v2').length;
    assert.ok(share > 2 && share < 60, `${share} of 200 went to v2`);
    assert.equal(web.observer.requests[0]?.route, 'two');
  });

  test('go where the newest configuration says', async () => {
    const { web } = await meshed('http2', named('old'));
    const next = await pod('cart');
    const other = await http2Application(next.options.address, named('new'));
    const session = http2Client(web.outbound.port);
    assert.equal((await ask(session, {})).body, 'old');
    web.view.service('shop/cart', SERVICE.host, SERVICE.port, 'http2', [
      next.endpoint({ [SERVICE.port]: other.port }),
    ]);
    assert.equal((await ask(session, {})).body, 'new');
    assert.equal(web.outbound.connections, 1);
  });

  test('need a second connection only where the application takes no more on one', async () => {
    const [web, cart] = [await pod('web'), await pod('cart')];
    const app = await http2Application(cart.options.address, () => {}, {
      maxConcurrentStreams: 4,
    });
    web.view.service('shop/cart', SERVICE.host, SERVICE.port, 'http2', [
      cart.endpoint({ [SERVICE.port]: app.port }),
    ]);
    web.redirected = SERVICE;
    const session = http2Client(web.outbound.port);
    const open = (): ClientHttp2Stream => {
      const stream = session.request({ ':authority': 'cart' });
      stream.on('error', () => {});
      return stream;
    };
    open();
    await eventually(() => app.streams.length === 1);
    for (let i = 1; i < 10; i++) open();
    await eventually(() => app.streams.length === 10);
    assert.equal(app.sessions.length, 3);
  });
});

describe('large bodies', () => {
  const SIZE = 32 * 1024 * 1024;

  test('come whole, both ways', async () => {
    const { web } = await meshed('http2', (stream) => {
      stream.respond({ ':status': 200 });
      stream.pipe(stream);
    });
    const stream = http2Client(web.outbound.port).request({
      ':authority': 'cart',
      ':method': 'POST',
    });
    const sent = createHash('sha256');
    const received = createHash('sha256');
    let bytes = 0;
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      received.update(chunk);
    });
    for (let i = 0; i < SIZE; i += 65_536) {
      const chunk = Buffer.alloc(65_536, i / 65_536);
      sent.update(chunk);
      if (!stream.write(chunk)) await once(stream, 'drain');
    }
    stream.end();
    await once(stream, 'end');
    assert.equal(bytes, SIZE);
    assert.equal(received.digest('hex'), sent.digest('hex'));
  });

  test('of a client that does not read stop at the application, and hold up no other stream', async () => {
    let written = 0;
    const { web } = await meshed('http2', (stream, headers) => {
      if (headers[':path'] !== '/large') {
        echo(stream, headers);
        return;
      }
      stream.resume();
      stream.respond({ ':status': 200 });
      const chunk = Buffer.alloc(65_536);
      const more = (): void => {
        while (written < SIZE) {
          written += chunk.length;
          if (!stream.write(chunk)) {
            stream.once('drain', more);
            return;
          }
        }
        stream.end();
      };
      more();
    });
    const session = http2Client(web.outbound.port);
    const stalled = session.request({ ':authority': 'cart', ':path': '/large' });
    await once(stalled, 'response');
    let before = -1;
    await eventually(() => {
      const still = written === before;
      before = written;
      return still && written > 0;
    });
    for (let i = 0; i < 20; i++) {
      assert.equal((await ask(session, { ':path': '/small' })).body, 'GET /small ');
    }
    assert.ok(written < SIZE / 4, `${written} bytes were taken from the application`);
    let bytes = 0;
    stalled.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    await once(stalled, 'end');
    assert.equal(bytes, SIZE);
  });

  test('of an application that does not read stop at the client', async () => {
    const { web, app } = await meshed('http2', (stream) => stream.respond({ ':status': 200 }));
    const stream = http2Client(web.outbound.port).request({
      ':authority': 'cart',
      ':method': 'POST',
    });
    await once(stream, 'response');
    let written = 0;
    const chunk = Buffer.alloc(65_536);
    const more = (): void => {
      while (written < SIZE) {
        written += chunk.length;
        if (!stream.write(chunk)) {
          stream.once('drain', more);
          return;
        }
      }
      stream.end();
    };
    more();
    let before = -1;
    await eventually(() => {
      const still = written === before;
      before = written;
      return still;
    });
    assert.ok(written < SIZE / 4, `${written} bytes were taken from the client`);
    let bytes = 0;
    const [reader] = app.streams;
    reader?.on('data', (received: Buffer) => {
      bytes += received.length;
    });
    reader?.on('end', () => reader.end('all'));
    assert.equal((await answer(stream)).body, 'all');
    assert.equal(bytes, SIZE);
  });
});

describe('a sidecar that stops', () => {
  test('finishes the streams that are open, and takes those that are on their way', async () => {
    let answerNow: (() => void) | undefined;
    const { cart, app } = await meshed('http2', (stream) => {
      stream.respond({ ':status': 200 });
      answerNow = () => stream.end('whole');
    });
    cart.redirected = { host: cart.options.address, port: app.port };
    const session = http2Client(cart.inbound.port, cart.options.address);
    const asked = ask(session, {});
    await eventually(() => answerNow !== undefined);
    const goaway = once(session, 'goaway');
    const stopped = cart.inbound.stop(AbortSignal.timeout(10_000));
    await goaway;
    answerNow?.();
    assert.equal((await asked).body, 'whole');
    await stopped;
  });

  test('costs its callers no request', async () => {
    const { web, carts } = await twoCarts([echo, echo]);
    const session = http2Client(web.outbound.port);
    const call = async (): Promise<Set<number>> => {
      const one = () => ask(session, { ':method': 'POST' }, 'x');
      const answers = await Promise.all(Array.from({ length: 20 }, one));
      return new Set(answers.map(({ status }) => status));
    };
    assert.deepEqual(await call(), new Set([200]));
    const stopped = carts[0]?.cart.trunk.stop(AbortSignal.timeout(10_000));
    for (let i = 0; i < 5; i++) assert.deepEqual(await call(), new Set([200]));
    await stopped;
    for (let i = 0; i < 5; i++) assert.deepEqual(await call(), new Set([200]));
  });

  test('costs no request when it was only the program that died', async () => {
    const { web, carts } = await twoCarts([echo, echo]);
    const session = http2Client(web.outbound.port);
    for (let i = 0; i < 20; i++) await ask(session, {});
    carts[0]?.app.server.close();
    for (const dead of carts[0]?.app.sessions ?? []) dead.destroy();
    for (let i = 0; i < 20; i++) {
      assert.equal((await ask(session, { ':method': 'POST' }, 'x')).status, 200);
    }
  });
});
