import assert from 'node:assert/strict';
import { connect, createServer, type Socket } from 'node:net';
import { after, describe, test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { TestAuthority } from '../../test/fakes/certificates.ts';
import { collect, eventually, FakeCredentials, listen } from '../../test/fakes/connections.ts';
import {
  ca,
  client,
  echo,
  hasCode,
  ownCredentials,
  request,
  SERVER_ID,
  serve,
} from '../../test/fakes/trunk-peer.ts';
import type { OwnedTransport } from '../transport.ts';
import type { TrunkStream } from './types.ts';

const patience = AbortSignal.timeout(20_000);

describe('a stream of the trunk', () => {
  test('carries bytes and half-close, and tells each side who the other is', async () => {
    const seen: TrunkStream[] = [];
    const { port } = await serve((stream) => {
      seen.push(stream);
      echo(stream);
    });
    const transport = await client(ownCredentials()).open(request(port));
    const received = collect(transport);
    const big = Buffer.alloc(3_000_000, 'x');
    transport.write(Buffer.from('hello '));
    transport.write(big);
    transport.end();
    assert.equal((await received.ended).length, 6 + big.length);
    assert.equal(await received.closed, undefined);
    assert.equal(transport.peer.identity, SERVER_ID);
    assert.equal(seen[0]?.peer.identity, 'spiffe://cluster.local/ns/shop/sa/web');
    assert.deepEqual(seen[0]?.peer.workload, { namespace: 'shop', workload: 'web' });
    assert.deepEqual(seen[0]?.destination, { host: '127.0.0.1', port: 8080 });
  });

  test('shares one connection with the other streams to the peer', async () => {
    const { port, server } = await serve(echo);
    const trunk = client(ownCredentials());
    await Promise.all(Array.from({ length: 20 }, () => trunk.open(request(port))));
    assert.equal(server.connections, 1);
    assert.equal(trunk.connections, 1);
  });

  test('stops its sender while the reader stands still, and holds up no other stream', async () => {
    const { port } = await serve((stream) => {
      const transport = stream.accept();
      let sent = 0;
      const fill = (): void => {
        let room = true;
        while (room && sent < 64) {
          room = transport.write(Buffer.alloc(1_000_000));
          sent += 1;
        }
      };
      transport.attach({ onData: () => {}, onEnd: () => {}, onDrain: fill, onClose: () => {} });
      transport.resume();
      fill();
      stalledSent = () => sent;
    });
    let stalledSent = (): number => 0;
    const trunk = client(ownCredentials());
    const stalled = await trunk.open(request(port));
    await eventually(() => stalledSent() > 0);
    const before = stalledSent;
    const flowing = await trunk.open(request(port));
    let received = 0;
    flowing.attach({
      onData: (bytes) => {
        received += bytes.length;
      },
      onEnd: () => {},
      onDrain: () => {},
      onClose: () => {},
    });
    flowing.resume();
    await eventually(() => received > 40_000_000);
    assert.ok(before() < 10, `the stalled stream took ${before()} MB`);
    stalled.destroy();
  });

  for (const ended of [false, true])
    test(`breaks with an error, and has no end, when the peer dies${ended ? ' after we ended' : ''}`, async () => {
      const { port, sockets } = await serve((stream) => {
        const accepted = stream.accept();
        accepted.write(Buffer.from('x'));
      });
      const transport = await client(ownCredentials()).open(request(port));
      const received = collect(transport);
      await eventually(() => received.bytes().length === 1);
      if (ended) transport.end();
      for (const socket of sockets) socket.destroy();
      assert.ok((await received.closed) instanceof Error);
      assert.equal(received.hasEnded(), false);
    });

  test('may break as often as connections of an application do', async () => {
    const { port, server } = await serve(echo);
    const trunk = client(ownCredentials());
    const kept = await trunk.open(request(port));
    const received = collect(kept);
    for (let i = 0; i < 15; i++) {
      const streams = Array.from({ length: 100 }, () => trunk.open(request(port)));
      for (const stream of await Promise.all(streams)) stream.destroy();
    }
    kept.write(Buffer.from('still here'));
    await eventually(() => received.bytes().toString() === 'still here');
    assert.equal(server.connections, 1);
  });

  test('that is cut does not look like an end to the peer', async () => {
    const closes: (Error | undefined)[] = [];
    const ends: number[] = [];
    const { port } = await serve((stream) => {
      const transport = stream.accept();
      transport.attach({
        onData: () => {},
        onEnd: () => ends.push(1),
        onDrain: () => {},
        onClose: (error) => closes.push(error),
      });
      transport.resume();
    });
    const transport = await client(ownCredentials()).open(request(port));
    transport.write(Buffer.from('half a message'));
    transport.destroy();
    await eventually(() => closes.length === 1);
    assert.ok(closes[0] instanceof Error);
    assert.equal(ends.length, 0);
  });

  test('that is cut with an error brings first what was written in the same turn', async () => {
    const accepted: OwnedTransport[] = [];
    const { port } = await serve((stream) => accepted.push(stream.accept()));
    const transport = await client(ownCredentials()).open(request(port));
    const received = collect(transport);
    await eventually(() => accepted.length === 1);
    accepted[0]?.write(Buffer.from('head '));
    accepted[0]?.write(Buffer.from('and a part'));
    accepted[0]?.destroy(new Error('enough'));
    assert.ok((await received.closed) instanceof Error);
    assert.equal(String(received.bytes()), 'head and a part');
    assert.equal(received.hasEnded(), false);
  });
});

describe('the opener', () => {
  const cases: { name: string; uris: string[] }[] = [
    { name: 'another identity', uris: ['spiffe://cluster.local/ns/shop/sa/other'] },
    { name: 'another trust domain', uris: ['spiffe://elsewhere/ns/shop/sa/cart'] },
    { name: 'two URIs', uris: [SERVER_ID, 'spiffe://cluster.local/ns/a/sa/b'] },
    { name: 'no URI', uris: [] },
    { name: 'a NUL after the right identity', uris: [`${SERVER_ID}\0`] },
    { name: 'a list inside one URI', uris: [`x, URI:${SERVER_ID}`] },
  ];
  for (const { name, uris } of cases) {
    test(`refuses a peer whose certificate holds ${name}`, async () => {
      const { port } = await serve(echo, ca.credentialsFor(SERVER_ID, uris));
      await assert.rejects(
        client(ownCredentials()).open(request(port)),
        hasCode('peer-identity-mismatch'),
      );
    });
  }

  test('refuses a peer of another authority', async () => {
    const { port } = await serve(echo, new TestAuthority().credentials('shop', 'cart'));
    await assert.rejects(
      client(ownCredentials()).open(request(port)),
      hasCode('peer-identity-mismatch'),
    );
  });

  test('says so when nobody listens, and when it has no certificate', async () => {
    const { port, listener } = await serve(echo);
    await new Promise((resolve) => listener.close(resolve));
    const trunk = client(ownCredentials());
    await assert.rejects(trunk.open(request(port)), hasCode('connect-failed'));
    assert.equal(trunk.connections, 0);
    await assert.rejects(
      client(new FakeCredentials(undefined)).open(request(port)),
      /no certificate yet/,
    );
  });

  test('gives up on a peer that accepts and then says nothing', async () => {
    const silent = createServer();
    const port = await listen(silent);
    const sockets: Socket[] = [];
    silent.on('connection', (socket) => sockets.push(socket));
    after(() => {
      for (const socket of sockets) socket.destroy();
      silent.close();
    });
    await assert.rejects(
      client(ownCredentials()).open(request(port, { timeoutMs: 50 })),
      hasCode('connect-timeout'),
    );
  });

  test('passes on why the peer refused', async () => {
    const { port } = await serve((stream) => stream.refuse('connect-failed'));
    await assert.rejects(client(ownCredentials()).open(request(port)), /refused: connect-failed/);
  });

  test('takes new connections for new certificates, and leaves open streams alone', async () => {
    const { port, server } = await serve(echo);
    const credentials = ownCredentials();
    const trunk = client(credentials);
    const old = await trunk.open(request(port));
    const received = collect(old);
    credentials.replace(ca.credentials('shop', 'web'));
    const fresh = await trunk.open(request(port));
    assert.equal(server.connections, 2);
    assert.equal(old.finished, true, 'a pool must not lend a stream of the old connection');
    assert.equal(fresh.finished, false);
    old.write(Buffer.from('still here'));
    await eventually(() => received.bytes().toString() === 'still here');
    old.end();
    await received.closed;
    await eventually(() => server.connections === 1);
  });

  test('opens a new connection when the peer says GOAWAY', async () => {
    const first = await serve(echo);
    const trunk = client(ownCredentials());
    const old = await trunk.open(request(first.port));
    const received = collect(old);
    const closing = first.server.close(patience);
    await eventually(() => old.finished);
    old.write(Buffer.from('x'));
    await eventually(() => received.bytes().length === 1);
    old.end();
    await closing;
    await assert.rejects(trunk.open(request(first.port)), hasCode('connect-failed'));
  });
});

describe('a connection of the trunk', () => {
  /** Passes bytes between a client and the trunk until it is told to swallow them. */
  async function wire(port: number): Promise<{ port: number; swallow(): void }> {
    const sockets: Socket[] = [];
    const relay = createServer((inner) => {
      const outer = connect(port, '127.0.0.1');
      sockets.push(inner, outer);
      inner.on('error', () => {}).pipe(outer);
      outer.on('error', () => {}).pipe(inner);
    });
    after(() => {
      relay.close();
      for (const socket of sockets) socket.destroy();
    });
    const swallow = (): void => {
      for (const socket of sockets) socket.unpipe().resume();
    };
    return { port: await listen(relay), swallow };
  }

  test('is given up when the peer no longer answers', async () => {
    const served = await serve(echo);
    const { port, swallow } = await wire(served.port);
    const clock = new ManualClock();
    const trunk = client(ownCredentials(), clock);
    const stream = await trunk.open(request(port, { timeoutMs: 0 }));
    const received = collect(stream);
    stream.write(Buffer.from('x'));
    await eventually(() => received.bytes().length === 1);
    swallow();
    clock.advance(10_000);
    assert.equal(trunk.connections, 1);
    clock.advance(10_000);
    assert.ok((await received.closed) instanceof Error);
    await eventually(() => trunk.connections === 0);
  });

  test('stays while the peer answers and it carries a stream, and ends without one', async () => {
    const { port, server } = await serve(echo);
    const clock = new ManualClock();
    const trunk = client(ownCredentials(), clock);
    const stream = await trunk.open(request(port, { timeoutMs: 0 }));
    const received = collect(stream);
    const pass = async (seconds: number): Promise<void> => {
      for (let i = 0; i < seconds / 10; i++) {
        clock.advance(10_000);
        // Bytes go the way that the PING's answer goes, and come after it.
        const before = received.bytes().length;
        if (!stream.finished) stream.write(Buffer.from('x'));
        await eventually(() => stream.finished || received.bytes().length > before);
      }
    };
    await pass(120);
    assert.equal(server.connections, 1);
    stream.end();
    await received.closed;
    await eventually(() => {
      clock.advance(10_000);
      return trunk.connections === 0;
    });
    await eventually(() => server.connections === 0);
  });
});
