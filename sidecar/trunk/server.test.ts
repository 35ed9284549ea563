import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2, constants } from 'node:http2';
import { connect, createServer, type Socket } from 'node:net';
import { after, describe, test } from 'node:test';
import { connect as connectTls, createSecureContext } from 'node:tls';
import { systemClock } from '../../runtime/clock.ts';
import { silentLog } from '../../runtime/log.ts';
import { TestAuthority } from '../../test/fakes/certificates.ts';
import { eventually, FakeCredentials, listen } from '../../test/fakes/connections.ts';
import {
  askTrunk,
  ca,
  client,
  echo,
  hasCode,
  ownCredentials,
  request,
  serve,
} from '../../test/fakes/trunk-peer.ts';
import type { OwnedTransport } from '../transport.ts';
import { SERVER_NAME, SOURCE_HEADER } from './protocol.ts';
import { TrunkServer } from './server.ts';

describe('the server of the trunk', () => {
  const raw = (
    port: number,
    headers: Record<string, string>,
    credentials = ca.credentials('shop', 'web'),
  ): Promise<Record<string, unknown>> => askTrunk({ port, headers, credentials });

  const connectHeaders = {
    ':method': 'CONNECT',
    ':authority': '127.0.0.1:80',
    [SOURCE_HEADER]: 'shop/web',
  };

  const refusals: { name: string; headers: Record<string, string>; code: string }[] = [
    { name: 'a name', headers: { ':authority': 'localhost:80' }, code: 'bad-trunk-request' },
    { name: 'port 0', headers: { ':authority': '127.0.0.1:0' }, code: 'bad-trunk-request' },
    {
      name: 'the namespace of somebody else',
      headers: { [SOURCE_HEADER]: 'bank/web' },
      code: 'source-mismatch',
    },
    { name: 'an odd workload', headers: { [SOURCE_HEADER]: 'shop/a"b' }, code: 'source-mismatch' },
  ];
  for (const { name, headers, code } of refusals) {
    test(`refuses ${name}`, async () => {
      const { port } = await serve(echo);
      const response = await raw(port, { ...connectHeaders, ...headers });
      assert.equal(response['x-remora-error'], code);
    });
  }

  test('resets a CONNECT without a port, which is malformed', async () => {
    const { port } = await serve(echo);
    const headers = { ...connectHeaders, ':authority': '127.0.0.1' };
    await assert.rejects(raw(port, headers), /PROTOCOL_ERROR/);
  });

  test('refuses a method other than CONNECT', async () => {
    const { port } = await serve(echo);
    const response = await raw(port, {
      ':method': 'GET',
      ':path': '/',
      [SOURCE_HEADER]: 'shop/web',
    });
    assert.equal(response['x-remora-error'], 'bad-trunk-request');
  });

  test('takes no client without a certificate, or with one of another authority', async () => {
    const { port, server } = await serve(echo);
    const other = new TestAuthority().issue(['spiffe://cluster.local/ns/shop/sa/web']);
    const contexts = [
      createSecureContext({ ca: ca.root }),
      createSecureContext({ ca: ca.root, key: other.key, cert: other.certificate }),
    ];
    for (const secureContext of contexts) {
      const credentials = { ...ca.credentials('shop', 'web'), secureContext };
      await assert.rejects(raw(port, connectHeaders, credentials));
    }
    assert.equal(server.connections, 0);
  });

  test('takes no client whose identity is no mesh identity', async () => {
    const { port, server } = await serve(echo);
    for (const uri of [
      'spiffe://cluster.local/ns/shop/sa/web?x',
      'spiffe://other/ns/shop/sa/web',
    ]) {
      await assert.rejects(raw(port, connectHeaders, ca.credentialsFor(uri, [uri])));
    }
    await eventually(() => server.connections === 0);
  });

  test('survives bytes that are no TLS, and a client that names no server', async () => {
    const { port, server } = await serve(echo);
    const garbage = connect(port, '127.0.0.1');
    garbage.on('error', () => {});
    garbage.write('GET / HTTP/1.1\r\n\r\n');
    await new Promise((resolve) => garbage.once('close', resolve));
    const nameless = connectTls({
      host: '127.0.0.1',
      port,
      secureContext: ca.credentials('shop', 'web').secureContext,
      checkServerIdentity: () => undefined,
    });
    await new Promise((resolve) => nameless.once('error', resolve));
    assert.equal(server.connections, 0);
  });

  /** A server and strangers who connect one after the other and say nothing. */
  async function besieged(
    strangers: number,
    limits: { maxHandshakes?: number; maxConnections?: number },
  ): Promise<{ port: number; server: TrunkServer; limits: string[]; closed: number[] }> {
    const told: string[] = [];
    const server = new TrunkServer({
      credentials: new FakeCredentials(ca.credentials('shop', 'cart')),
      clock: systemClock,
      log: silentLog(),
      onStream: echo,
      maxConnections: 1_000,
      onLimit: (reason) => told.push(reason),
      ...limits,
    });
    const listener = createServer((socket) => server.accept(socket));
    const port = await listen(listener);
    const sockets: Socket[] = [];
    const closed: number[] = [];
    after(async () => {
      listener.close();
      for (const socket of sockets) socket.destroy();
      await server.close(AbortSignal.abort());
    });
    for (let i = 0; i < strangers; i++) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => {}).on('close', () => closed.push(i));
      sockets.push(socket);
      await once(socket, 'connect');
    }
    return { port, server, limits: told, closed };
  }

  test('ends the oldest handshake when strangers say nothing, and lets peers in', async () => {
    const { port, server, limits, closed } = await besieged(5, { maxHandshakes: 2 });
    await eventually(() => closed.length === 3);
    assert.deepEqual(closed, [0, 1, 2]);
    await client(ownCredentials()).open(request(port));
    assert.equal(server.connections, 1);
    assert.deepEqual(limits, Array(4).fill('trunk-handshakes'));
  });

  test('takes no more connections than it may, and ends no handshake that is done for them', async () => {
    const { port, server, limits } = await besieged(0, { maxConnections: 2 });
    for (let i = 0; i < 2; i++) await client(ownCredentials()).open(request(port));
    const third = client(ownCredentials()).open(request(port));
    await assert.rejects(third, hasCode('connect-failed'));
    assert.equal(server.connections, 2);
    assert.deepEqual(limits, ['trunk-connections']);
  });

  test('can be cut when the network is gone and the peer takes nothing any more', async () => {
    const transports: OwnedTransport[] = [];
    const { port, server } = await serve((stream) => transports.push(stream.accept()));
    const link: Socket[] = [];
    const network = createServer((outer) => {
      const inner = connect(port, '127.0.0.1');
      outer.pipe(inner).pipe(outer);
      link.push(outer, inner);
      for (const socket of [outer, inner]) socket.on('error', () => {});
    });
    const linked = await listen(network);
    after(() => {
      network.close();
      for (const socket of link) socket.destroy();
    });
    await client(ownCredentials()).open(request(linked));
    for (const socket of link) socket.unpipe().pause();
    transports[0]?.write(Buffer.alloc(16 * 1024 * 1024));
    await new Promise((resolve) => setImmediate(resolve));
    await server.close(AbortSignal.abort());
    assert.equal(server.connections, 0);
  });

  test('parts from a peer that asks for what is not there, again and again', async () => {
    const { port } = await serve((stream) => stream.refuse('destination-not-allowed'));
    const client = ca.credentials('shop', 'web');
    const session = connectHttp2('https://peer', {
      createConnection: () =>
        connectTls({
          port,
          secureContext: client.secureContext,
          servername: SERVER_NAME,
          ALPNProtocols: ['h2'],
          checkServerIdentity: () => undefined,
        }),
    });
    after(() => session.destroy());
    session.on('error', () => {});
    let goawayCode: number | undefined;
    session.once('goaway', (code: number) => {
      goawayCode = code;
    });
    let refused = 0;
    while (goawayCode === undefined && !session.destroyed && refused < 5_000) {
      const stream = session.request(connectHeaders, { endStream: true });
      stream.on('error', () => {});
      stream.once('response', () => {
        refused += 1;
      });
      await new Promise((resolve) => stream.once('close', resolve));
    }
    assert.equal(goawayCode, constants.NGHTTP2_ENHANCE_YOUR_CALM);
    assert.ok(refused >= 1_000, `${refused} were answered`);
  });

  test('serves with the certificate of the moment', async () => {
    const credentials = new FakeCredentials(ca.credentials('shop', 'other'));
    const server = new TrunkServer({
      credentials,
      clock: systemClock,
      log: silentLog(),
      onStream: echo,
      maxConnections: 1_000,
      onLimit: () => {},
    });
    const listener = createServer((socket) => server.accept(socket));
    const port = await listen(listener);
    after(async () => {
      listener.close();
      await server.close(AbortSignal.abort());
    });
    const trunk = client(ownCredentials());
    await assert.rejects(trunk.open(request(port)), hasCode('peer-identity-mismatch'));
    credentials.replace(ca.credentials('shop', 'cart'));
    assert.equal((await trunk.open(request(port))).finished, false);
  });
});
