import assert from 'node:assert/strict';
import { once } from 'node:events';
import { constants } from 'node:http2';
import { describe, test } from 'node:test';
import { DESTINATION_HEADER, SOURCE_HEADER } from '../../sidecar/trunk/protocol.ts';
import { eventually, FakeCredentials } from '../fakes/connections.ts';
import { answer, ask, echo, http2Client, resetCode } from '../fakes/http2-application.ts';
import { meshed, setPolicy, twoCarts } from '../fakes/http2-mesh.ts';
import { NativePeer } from '../fakes/native-peer.ts';
import { Call, ca, pod, program, SERVICE } from '../fakes/pods.ts';
import type { TestSidecar } from '../fakes/sidecars.ts';
import { askTrunk } from '../fakes/trunk-peer.ts';

/** One pod, and behind the service that it calls a trunk that shows what comes. */
async function beforePeer(
  onRequest = echo,
): Promise<{ web: TestSidecar; peer: NativePeer; destination: string }> {
  const [web, cart] = [await pod('web'), await pod('cart')];
  const peer = await NativePeer.start(cart.options.address, onRequest);
  const endpoint = cart.endpoint({ [SERVICE.port]: 8080 });
  const workload = { ...endpoint.workload, trunkPort: peer.port };
  web.view.service('shop/cart', SERVICE.host, SERVICE.port, 'http2', [{ ...endpoint, workload }]);
  web.redirected = SERVICE;
  return { web, peer, destination: `${cart.options.address}:8080` };
}

describe('a request of HTTP/2 to a pod with a sidecar', () => {
  test('is one stream of the trunk, and says where it goes and who sent it', async () => {
    const { web, peer, destination } = await beforePeer();
    const sessions = [http2Client(web.outbound.port), http2Client(web.outbound.port)];
    const paths = Array.from({ length: 20 }, (_, i) => `/${i}`);
    const answers = await Promise.all(
      paths.map((path, i) =>
        ask(sessions[i % 2] as (typeof sessions)[0], { ':path': path, ':method': 'POST' }, 'x'),
      ),
    );
    for (const { status } of answers) assert.equal(status, 200);
    assert.equal(peer.sessions.length, 1);
    assert.equal(peer.requests.length, 20, 'no stream but the requests');
    assert.deepEqual(new Set(peer.requests.map(({ headers }) => headers[':path'])), new Set(paths));
    for (const { headers } of peer.requests) {
      assert.equal(headers[':method'], 'POST');
      assert.equal(headers[DESTINATION_HEADER], destination);
      assert.equal(headers[SOURCE_HEADER], 'shop/web');
    }
  });

  test('cannot say so by itself, neither in its head nor in its trailers', async () => {
    let trailers: readonly string[] = [];
    const { web, peer, destination } = await beforePeer((stream) => {
      stream.resume();
      stream.on('trailers', (_headers, _flags, raw) => {
        trailers = raw;
      });
      stream.on('end', () => stream.respond({ ':status': 200 }, { endStream: true }));
    });
    const stream = http2Client(web.outbound.port).request(
      {
        ':authority': 'cart',
        ':method': 'POST',
        [DESTINATION_HEADER]: ['127.0.0.1:22', '127.0.0.1:23'],
        [SOURCE_HEADER]: 'bank/vault',
        'x-own': 'stays',
      },
      { waitForTrailers: true },
    );
    stream.on('wantTrailers', () =>
      stream.sendTrailers({ [DESTINATION_HEADER]: '127.0.0.1:22', 'x-own': 'stays' }),
    );
    const answered = answer(stream);
    stream.end('body');
    assert.equal((await answered).status, 200);
    const { raw = [] } = peer.requests[0] ?? {};
    const valuesOf = (name: string) => raw.filter((_, i) => i % 2 === 1 && raw[i - 1] === name);
    assert.deepEqual(valuesOf(DESTINATION_HEADER), [destination]);
    assert.deepEqual(valuesOf(SOURCE_HEADER), ['shop/web']);
    assert.deepEqual(valuesOf('x-own'), ['stays']);
    assert.deepEqual([...trailers], ['x-own', 'stays']);
  });

  test('does not go to a sidecar that proves to be somebody else', async () => {
    const [web, cart] = [await pod('web'), await pod('cart')];
    const other = 'spiffe://cluster.local/ns/shop/sa/other';
    const peer = await NativePeer.start(cart.options.address, echo, other);
    const endpoint = cart.endpoint({ [SERVICE.port]: 8080 });
    const workload = { ...endpoint.workload, trunkPort: peer.port };
    web.view.service('shop/cart', SERVICE.host, SERVICE.port, 'http2', [{ ...endpoint, workload }]);
    web.redirected = SERVICE;
    const { status, headers } = await ask(http2Client(web.outbound.port), {});
    assert.deepEqual([status, headers['x-remora-error']], [503, 'peer-identity-mismatch']);
    assert.equal(peer.requests.length, 0);
  });

  test('goes elsewhere when a sidecar does not take it, whatever its method', async () => {
    const { web, cart, app } = await meshed();
    // Its port is one of the sidecar's own.
    const strange = (await pod('cart')).endpoint({ [SERVICE.port]: 15_000 });
    const taken = cart.endpoint({ [SERVICE.port]: app.port });
    web.view.service('shop/cart', SERVICE.host, SERVICE.port, 'http2', [strange, taken]);
    const session = http2Client(web.outbound.port);
    for (let i = 0; i < 10; i++) {
      assert.equal((await ask(session, { ':method': 'POST' }, 'x')).status, 200);
    }
    assert.ok(web.observer.retries.length > 0);
    assert.ok(web.observer.retries.every((retry) => retry === 'shop/cart connect-failed'));
  });

  test('shares its connection with streams of bytes, and holds them up as little as they it', async () => {
    const { web, cart } = await meshed('http2', (stream, headers) => {
      if (headers[':path'] !== '/large') {
        echo(stream, headers);
        return;
      }
      stream.respond({ ':status': 200 });
      stream.end(Buffer.alloc(8 * 1024 * 1024));
    });
    const tcp = await program(cart.options.address, (socket) => socket.pipe(socket));
    const session = http2Client(web.outbound.port);
    const stalled = session.request({ ':authority': 'cart', ':path': '/large' });
    await once(stalled, 'response');
    web.view.workload(cart.options.address, cart.asWorkload);
    web.redirected = { host: cart.options.address, port: tcp.port };
    const call = new Call(web);
    for (let i = 0; i < 20; i++) {
      call.socket.write('x');
      await call.receives('x'.repeat(i + 1));
      assert.equal((await ask(session, { ':path': '/small' })).body, 'GET /small ');
    }
    assert.equal(cart.trunk.connections, 1);
    assert.equal(cart.trunk.streams, 1);
    let bytes = 0;
    stalled.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    await once(stalled, 'end');
    assert.equal(bytes, 8 * 1024 * 1024);
  });
});

describe('the trunk of a pod', () => {
  const ask503 = async (cart: TestSidecar, own: Record<string, string>): Promise<unknown> => {
    const answered = await askTrunk({
      host: cart.options.address,
      port: cart.trunk.port,
      headers: {
        ':method': 'GET',
        ':path': '/',
        ':authority': 'cart',
        [SOURCE_HEADER]: 'shop/web',
        ...own,
      },
      credentials: ca.credentials('shop', 'web'),
    });
    return answered['x-remora-error'];
  };

  test('takes requests for its application alone', async () => {
    const [web, cart] = [await pod('web'), await pod('cart')];
    const other = await program('127.0.0.1', () => {});
    for (const destination of [
      `127.0.0.1:${other.port}`,
      `${web.options.address}:${other.port}`,
      `${cart.options.address}:15000`,
      `[::ffff:127.0.0.1]:${other.port}`,
    ]) {
      const code = await ask503(cart, { [DESTINATION_HEADER]: destination });
      assert.equal(code, 'destination-not-allowed', destination);
    }
    for (const destination of ['cart:80', '127.0.0.1', '127.0.0.1:0', '', ' ']) {
      const code = await ask503(cart, { [DESTINATION_HEADER]: destination }).catch(() => 'reset');
      assert.match(String(code), /^(bad-trunk-request|reset)$/, destination);
    }
    assert.equal(other.sockets.length, 0);
  });

  test('takes no request of who claims another namespace', async () => {
    const { cart, app } = await meshed();
    const destination = `${cart.options.address}:${app.port}`;
    const own = { [DESTINATION_HEADER]: destination, [SOURCE_HEADER]: 'bank/web' };
    assert.equal(await ask503(cart, own), 'source-mismatch');
    assert.equal(app.streams.length, 0);
  });
});

describe('connections of HTTP/2 over the trunk', () => {
  test('are counted on both sides, with what they carried', async () => {
    const { web, cart } = await meshed();
    const session = http2Client(web.outbound.port);
    for (let i = 0; i < 3; i++) await ask(session, { ':method': 'POST' }, 'x'.repeat(1_000));
    for (const observer of [web.observer, cart.observer]) {
      const opened = observer.opened.filter(({ mutualTls }) => mutualTls);
      assert.equal(opened.length, 1);
      assert.deepEqual(
        [opened[0]?.protocol, opened[0]?.source.workload, opened[0]?.destination.workload],
        ['http', 'web', 'cart'],
      );
    }
    await cart.trunk.stop(AbortSignal.timeout(10_000));
    await eventually(() => {
      const closed = [...web.observer.closed, ...cart.observer.closed];
      return closed.filter(({ mutualTls }) => mutualTls).length === 2;
    });
    for (const observer of [web.observer, cart.observer]) {
      const [closed] = observer.closed.filter(({ mutualTls }) => mutualTls);
      for (const bytes of [closed?.bytesSent ?? 0, closed?.bytesReceived ?? 0]) {
        assert.ok(bytes > 3_000 && bytes < 5_000, String(bytes));
      }
    }
  });

  test('are one where a policy allows one, for any number of requests', async () => {
    const { web, app } = await meshed('http2', () => {});
    const one = { maxConnections: 1, maxPendingRequests: 10, maxRequests: undefined };
    setPolicy(web, { limits: one });
    const session = http2Client(web.outbound.port);
    const all = Array.from({ length: 50 }, () => ask(session, {}));
    await eventually(() => app.streams.length === 50);
    assert.equal(web.observer.opened.length, 1);
    for (const stream of app.streams) stream.respond({ ':status': 200 }, { endStream: true });
    for (const { status } of await Promise.all(all)) assert.equal(status, 200);
    assert.deepEqual(web.observer.limitRefusals, []);
  });

  test('are made anew for a new certificate, and what is under way goes on', async () => {
    const credentials = new FakeCredentials(ca.credentials('shop', 'web'));
    const cart = await meshed('http2', (stream, headers) => {
      if (headers[':path'] === '/slow') stream.respond({ ':status': 200 });
      else echo(stream, headers);
    });
    const web = await pod('web', { credentials });
    web.view.service('shop/cart', SERVICE.host, SERVICE.port, 'http2', [
      cart.cart.endpoint({ [SERVICE.port]: cart.app.port }),
    ]);
    web.redirected = SERVICE;
    const session = http2Client(web.outbound.port);
    const slow = session.request({ ':authority': 'cart', ':path': '/slow' });
    await once(slow, 'response');
    assert.equal(web.trunkClient.connections, 1);
    credentials.replace(ca.credentials('shop', 'web'));
    assert.equal((await ask(session, { ':path': '/new' })).body, 'GET /new ');
    assert.equal(web.trunkClient.connections, 2);
    assert.equal(slow.closed, false);
    const answered = answer(slow);
    cart.app.streams[0]?.end('whole');
    assert.equal((await answered).body, 'whole');
    await eventually(() => web.trunkClient.connections === 1);
    assert.equal(web.observer.closed.length, 1);
  });

  test('may be lost in the middle of requests, which are told, and others go elsewhere', async () => {
    const { web, carts } = await twoCarts([() => {}, () => {}]);
    const session = http2Client(web.outbound.port);
    const asked = Array.from({ length: 8 }, () => ask(session, { ':method': 'POST' }, 'x'));
    const under = (): number[] => carts.map(({ app }) => app.streams.length);
    await eventually(() => under().reduce((sum, count) => sum + count) === 8);
    const [killed = 0, kept = 0] = under();
    assert.ok(killed > 0 && kept > 0, String(under()));
    await carts[0]?.cart.trunk.stop(AbortSignal.abort());
    for (const stream of carts[1]?.app.streams ?? []) {
      stream.respond({ ':status': 200 }, { endStream: true });
    }
    const answers = await Promise.all(asked);
    const lost = answers.filter(({ status }) => status === 502);
    assert.equal(lost.length, killed);
    for (const { headers } of lost) assert.equal(headers['x-remora-error'], 'upstream-reset');
    assert.equal(answers.filter(({ status }) => status === 200).length, kept);
    // The application of the dead sidecar does not work on for nobody.
    await eventually(() => carts[0]?.app.streams.every(({ closed }) => closed) === true);
    const later = Array.from({ length: 6 }, () => ask(session, { ':method': 'POST' }, 'x'));
    await eventually(() => under()[1] === kept + 6);
    for (const stream of carts[1]?.app.streams ?? []) {
      if (!stream.headersSent) stream.respond({ ':status': 200 }, { endStream: true });
    }
    for (const { status } of await Promise.all(later)) assert.equal(status, 200);
    assert.equal(session.closed, false);
  });

  test('may be lost in the middle of a response, which is cut', async () => {
    const { web, cart } = await meshed('http2', (stream) => {
      stream.respond({ ':status': 200 });
      stream.write('half');
    });
    const stream = http2Client(web.outbound.port).request({ ':authority': 'cart' });
    stream.on('error', () => {});
    await once(stream, 'data');
    await cart.trunk.stop(AbortSignal.abort());
    assert.equal(await resetCode(stream), constants.NGHTTP2_INTERNAL_ERROR);
    assert.equal(web.observer.requests[0]?.errorCode, 'upstream-reset');
  });
});
