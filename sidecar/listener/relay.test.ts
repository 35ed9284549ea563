import assert from 'node:assert/strict';
import { connect, createServer, type Socket } from 'node:net';
import { after, describe, test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { eventually, listen } from '../../test/fakes/connections.ts';
import { SocketTransport } from '../socket-transport.ts';
import { Relay, type RelayResult } from './relay.ts';

/** A client and a server with a relay between them. */
async function relayed(
  options: { idleTimeoutMs?: number; first?: Buffer; greeting?: Buffer } = {},
): Promise<{ client: Socket; server: Socket; clock: ManualClock; result: Promise<RelayResult> }> {
  const clock = new ManualClock();
  const pair = async (): Promise<[Socket, Socket]> => {
    const listener = createServer({ allowHalfOpen: true, pauseOnConnect: true });
    const accepted = new Promise<Socket>((resolve) => listener.once('connection', resolve));
    const port = await listen(listener);
    const outer = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    after(() => outer.destroy());
    const inner = await accepted;
    listener.close();
    outer.on('error', () => {});
    return [outer, inner];
  };
  const [client, downstream] = await pair();
  const [server, upstream] = await pair();
  const peer = { address: '', port: 0, identity: undefined, workload: undefined };
  const result = new Promise<RelayResult>((resolve) => {
    new Relay(new SocketTransport(downstream, peer), new SocketTransport(upstream, peer), {
      clock,
      idleTimeoutMs: options.idleTimeoutMs ?? 0,
      onEnd: resolve,
    }).start(options.first, options.greeting);
  });
  return { client, server, clock, result };
}

function received(socket: Socket): { text(): string; length(): number } {
  const chunks: Buffer[] = [];
  socket.on('data', (bytes: Buffer) => chunks.push(bytes));
  return {
    text: () => Buffer.concat(chunks).toString(),
    length: () => chunks.reduce((sum, chunk) => sum + chunk.length, 0),
  };
}

describe('a relay', () => {
  test('passes bytes both ways and counts them', async () => {
    const { client, server, result } = await relayed();
    const [atClient, atServer] = [received(client), received(server)];
    client.write('question');
    await eventually(() => atServer.text() === 'question');
    server.write('an answer');
    await eventually(() => atClient.text() === 'an answer');
    client.end();
    server.end();
    const { bytesSent, bytesReceived, error } = await result;
    assert.deepEqual([bytesSent, bytesReceived, error], [8, 9, undefined]);
  });

  test('begins with what was read before', async () => {
    const { client, server } = await relayed({
      first: Buffer.from('early '),
      greeting: Buffer.from('220 ready'),
    });
    const [atClient, atServer] = [received(client), received(server)];
    client.write('late');
    await eventually(() => atServer.text() === 'early late' && atClient.text() === '220 ready');
  });

  test('lets one direction end before the other', async () => {
    const { client, server, result } = await relayed();
    const [atClient, atServer] = [received(client), received(server)];
    client.end('all I have to say');
    await new Promise((resolve) => server.once('end', resolve));
    assert.equal(atServer.text(), 'all I have to say');
    server.end(Buffer.alloc(1_000_000, 'x'));
    await new Promise((resolve) => client.once('end', resolve));
    assert.equal(atClient.length(), 1_000_000);
    assert.equal((await result).error, undefined);
  });

  test('stops the sender while the reader stands still', async () => {
    const { client, server } = await relayed();
    server.pause();
    let accepted = 0;
    const chunk = Buffer.alloc(256 * 1024);
    const total = 256;
    const send = (): void => {
      while (accepted < total) {
        accepted += 1;
        if (!client.write(chunk)) return;
      }
    };
    client.on('drain', send);
    send();
    // Kernel buffers fill up and then nothing moves: the same count several times in a row.
    let before = -1;
    let still = 0;
    await eventually(() => {
      still = accepted === before ? still + 1 : 0;
      before = accepted;
      return still > 30;
    });
    assert.ok(accepted < total, `${accepted} of ${total} chunks were taken`);
    const atServer = received(server);
    server.resume();
    await eventually(() => atServer.length() === total * chunk.length);
  });

  test('passes a break on as a break', async () => {
    const { client, server, result } = await relayed();
    const failed = new Promise((resolve) => client.once('error', resolve));
    client.resume();
    server.write('half an ans');
    await eventually(() => client.bytesRead > 0);
    server.resetAndDestroy();
    assert.match(String(await failed), /ECONNRESET/);
    assert.equal((await result).brokenBy, 'upstream');
  });

  test('ends when no byte came for its idle time', async () => {
    const { client, server, clock, result } = await relayed({ idleTimeoutMs: 1_000 });
    client.resume();
    const atServer = received(server);
    clock.advance(999);
    client.write('x');
    await eventually(() => atServer.length() === 1);
    clock.advance(999);
    client.write('x');
    await eventually(() => atServer.length() === 2);
    clock.advance(1_000);
    assert.match(String((await result).error), /no byte for 1000 ms/);
  });
});
