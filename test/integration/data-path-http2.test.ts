import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { constants, type IncomingHttpHeaders } from 'node:http2';
import { after, describe, test } from 'node:test';
import { eventually, listen } from '../fakes/connections.ts';
import {
  answer,
  ask,
  echo,
  http2Application,
  http2Client,
  resetCode,
} from '../fakes/http2-application.ts';
import { meshed } from '../fakes/http2-mesh.ts';
import { pod, SERVICE } from '../fakes/pods.ts';

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
    const old = createServer((_message, response) => response.end('one'));
    const port = await listen(old, cart.options.address);
    after(() => old.close());
    web.view.service('shop/cart', SERVICE.host, SERVICE.port, 'http2', [
      cart.endpoint({ [SERVICE.port]: port }),
    ]);
    const { status, headers } = await ask(http2Client(web.outbound.port), {});
    assert.deepEqual([status, headers['x-remora-error']], [502, 'upstream-protocol-error']);
  });
});
