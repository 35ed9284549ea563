import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { after, describe, test } from 'node:test';
import { eventually, listen } from '../test/fakes/connections.ts';
import { adoptSocket, createSocket, receiveFrom } from './socket-reading.ts';

/** Two sockets with our reading, connected to each other. */
async function pair(): Promise<{
  dialed: Socket;
  accepted: Socket;
  connections(): Promise<number>;
}> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  const connection = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const port = await listen(server);
  const dialed = createSocket();
  dialed.on('error', () => {});
  dialed.connect(port, '127.0.0.1');
  const accepted = adoptSocket(await connection);
  after(() => {
    dialed.destroy();
    accepted.destroy();
    server.close();
  });
  const connections = (): Promise<number> =>
    new Promise((resolve, reject) => {
      server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
    });
  return { dialed, accepted, connections };
}

/** What came, as it came. */
function read(socket: Socket): Buffer[] {
  const chunks: Buffer[] = [];
  receiveFrom(socket, (bytes) => chunks.push(bytes));
  socket.resume();
  return chunks;
}

describe('the reading of sockets', () => {
  test('keeps what was read, whatever other sockets read after it', async () => {
    const one = await pair();
    const other = await pair();
    const chunks = [read(one.accepted), read(one.dialed), read(other.accepted), read(other.dialed)];
    const texts = ['1', '2', '3', '4'].map((digit) => digit.repeat(2_000));
    const sockets = [one.dialed, one.accepted, other.dialed, other.accepted];
    for (const [i, socket] of sockets.entries()) socket.write(texts[i] ?? '');
    await eventually(() => chunks.every((c) => Buffer.concat(c).length === 2_000));
    assert.deepEqual(
      chunks.map((c) => Buffer.concat(c).toString()),
      texts,
    );
  });

  for (const side of ['dialed', 'accepted'] as const) {
    test(`hands on large reads whole and in order, to the ${side} socket`, async () => {
      const sockets = await pair();
      const chunks = read(sockets[side]);
      const sent = Buffer.alloc(3_000_000);
      for (let i = 0; i < sent.length; i += 4) sent.writeUInt32LE(i, i);
      const sender = side === 'dialed' ? sockets.accepted : sockets.dialed;
      sender.write(sent);
      sender.write('small');
      const whole = (): Buffer => Buffer.concat(chunks);
      await eventually(() => whole().length === sent.length + 5);
      assert.ok(whole().equals(Buffer.concat([sent, Buffer.from('small')])));
    });
  }

  test('does not hide an accepted socket from the count of its server', async () => {
    const { accepted, dialed, connections } = await pair();
    assert.equal(await connections(), 1);
    read(dialed);
    accepted.destroy();
    await new Promise((resolve) => accepted.once('close', resolve));
    assert.equal(await connections(), 0);
  });

  test('pauses, and tells the end', async () => {
    const { accepted, dialed } = await pair();
    const chunks = read(accepted);
    let ended = false;
    accepted.on('end', () => {
      ended = true;
    });
    // Node takes a pause only when the resume before it has had its turn.
    await new Promise((resolve) => setImmediate(resolve));
    accepted.pause();
    dialed.end('last');
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(chunks.length, 0);
    assert.equal(ended, false);
    accepted.resume();
    await eventually(() => ended);
    assert.equal(String(Buffer.concat(chunks)), 'last');
  });
});
