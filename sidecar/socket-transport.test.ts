import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { after, describe, test } from 'node:test';
import { collect, eventually, listen } from '../test/fakes/connections.ts';
import { SocketTransport } from './socket-transport.ts';

const PEER = { address: '127.0.0.1', port: 1, identity: undefined, workload: undefined };

/** A transport and the socket at its other end. */
async function pair(): Promise<{ transport: SocketTransport; peer: Socket; inner: Socket }> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const port = await listen(server);
  const peer = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  peer.on('error', () => {});
  // A reset that comes before it would leave nothing to read.
  await once(peer, 'connect');
  const inner = await accepted;
  server.close();
  after(() => {
    peer.destroy();
    inner.destroy();
  });
  return { transport: new SocketTransport(inner, PEER), peer, inner };
}

const idle = { onData: () => {}, onEnd: () => {}, onDrain: () => {} };

describe('a transport over a socket', () => {
  test('is paused until it is resumed', async () => {
    const { transport, peer } = await pair();
    let bytes = 0;
    transport.attach({
      ...idle,
      onData: (chunk) => {
        bytes += chunk.length;
      },
      onClose: () => {},
    });
    peer.write('hello');
    await eventually(() => peer.bytesWritten === 5);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(bytes, 0);
    transport.resume();
    await eventually(() => bytes === 5);
  });

  test('writes what one turn produced at once', async () => {
    const { transport, peer } = await pair();
    const chunks: string[] = [];
    peer.on('data', (chunk) => chunks.push(String(chunk)));
    for (const part of ['head ', 'and ', 'body']) transport.write(Buffer.from(part));
    await eventually(() => chunks.length > 0);
    assert.deepEqual(chunks, ['head and body']);
  });

  test('asks to wait when the peer does not read, and says when to go on', async () => {
    const { transport, peer } = await pair();
    peer.pause();
    let drained = 0;
    transport.attach({
      ...idle,
      onDrain: () => {
        drained += 1;
      },
      onClose: () => {},
    });
    assert.equal(transport.write(Buffer.alloc(8_000_000)), false);
    peer.resume();
    await eventually(() => drained === 1);
  });

  test('closes cleanly when both directions have ended', async () => {
    const { transport, peer } = await pair();
    const received = collect(transport);
    peer.end('last words');
    assert.equal(String(await received.ended), 'last words');
    transport.end();
    assert.equal(await received.closed, undefined);
  });

  test('tells a new handler what the one before was told', async () => {
    const { transport, peer } = await pair();
    const first = collect(transport);
    peer.end();
    await first.ended;
    const second = collect(transport);
    await second.ended;
    transport.destroy();
    await second.closed;
    assert.equal(await collect(transport).closed, undefined);
  });

  test('that is broken off closes with its error, and resets', async () => {
    const { transport, peer } = await pair();
    const failed = new Promise((resolve) => peer.once('error', resolve));
    peer.resume();
    const received = collect(transport);
    const error = new Error('enough');
    transport.destroy(error);
    assert.equal(await received.closed, error);
    assert.match(String(await failed), /ECONNRESET/);
  });

  for (const ends of [false, true]) {
    test(`that is broken off sends first what the turn wrote${ends ? ', and its end' : ''}`, async () => {
      const { transport, peer } = await pair();
      const over = new Promise((resolve) => peer.once(ends ? 'end' : 'error', resolve));
      const chunks: string[] = [];
      peer.on('data', (chunk) => chunks.push(String(chunk)));
      transport.write(Buffer.from('head '));
      transport.write(Buffer.from('and a part'));
      if (ends) transport.end();
      transport.destroy(new Error('enough'));
      await over;
      assert.equal(chunks.join(''), 'head and a part');
    });
  }

  const situations: { name: string; before: (transport: SocketTransport) => void }[] = [
    { name: 'bytes that the peer does not read', before: (t) => t.write(Buffer.alloc(8_000_000)) },
    { name: 'an end of ours', before: (t) => t.end() },
    { name: 'a pause', before: (t) => t.pause() },
  ];
  for (const { name, before } of situations) {
    for (const error of [undefined, new Error('cut')]) {
      test(`closes at once after ${name}, ${error === undefined ? 'without' : 'with'} an error`, async () => {
        const { transport, peer } = await pair();
        peer.pause();
        const received = collect(transport);
        before(transport);
        transport.destroy(error);
        assert.equal(await received.closed, error);
        assert.equal(transport.finished, true);
      });
    }
  }

  test('learns that the peer reset it', async () => {
    const { transport, peer } = await pair();
    const received = collect(transport);
    peer.resetAndDestroy();
    assert.match(String(await received.closed), /ECONNRESET/);
  });
});
