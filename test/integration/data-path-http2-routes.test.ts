import assert from 'node:assert/strict';
import { type ClientHttp2Stream, constants } from 'node:http2';
import { describe, test } from 'node:test';
import type { Retries } from '../../sidecar/config/types.ts';
import { eventually } from '../fakes/connections.ts';
import { ask, echo, http2Application, http2Client } from '../fakes/http2-application.ts';
import { meshed, named, RETRIES, setPolicy, setRoutes, twoCarts } from '../fakes/http2-mesh.ts';
import { pod, SERVICE } from '../fakes/pods.ts';
import { NO_POLICY } from '../fakes/sidecars.ts';

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

  test('does not ask again a server that wants to be asked later', async () => {
    let requests = 0;
    const { web } = await meshed('http2', (stream) => {
      requests += 1;
      stream.respond({ ':status': 503, 'retry-after': '3' });
      stream.end('later');
    });
    const statusCodes = new Set([503]);
    const session = http2Client(web.outbound.port);
    const asked = async (retries: Partial<Retries>, requestTimeoutMs = 0): Promise<number> => {
      requests = 0;
      setPolicy(web, { retries: { ...RETRIES, statusCodes, ...retries }, requestTimeoutMs });
      const { status, body } = await ask(session, {});
      assert.deepEqual([status, body], [503, 'later']);
      return requests;
    };
    assert.equal(await asked({}), 1, 'longer than the default');
    assert.equal(await asked({ maxRetryAfterMs: 0 }), 3, 'it is not heard');
    assert.equal(await asked({ maxRetryAfterMs: 9_000 }, 2_000), 1, 'after the end of the request');
  });

  test('limits the time of a request, and resets it at the application', async () => {
    const { web, app } = await meshed('http2', () => {});
    setPolicy(web, { requestTimeoutMs: 30 });
    const { status, headers } = await ask(http2Client(web.outbound.port), {});
    assert.deepEqual([status, headers['x-remora-error']], [504, 'request-timeout']);
    // It may have come to its end before it came there.
    await eventually(() => app.streams.every((stream) => stream.closed));
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
    // It may have come to its end before it came there.
    await eventually(() => app.streams.every((stream) => stream.closed));
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
