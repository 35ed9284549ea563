/** Checks of plain TCP: `<host> <bytes of a large transfer> <how many connections>`. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Digest, patternBytes, patternDigest, patternPieces, SENT_BYTES } from './pattern.ts';
import { check } from './report.ts';

const [host = '', largeText = '', countText = ''] = process.argv.slice(2);
const largeBytes = Number(largeText);
const count = Number(countText);

function dial(port: number): Socket {
  const socket = connect({ port, host, allowHalfOpen: true });
  // Who waits for something learns of it there.
  socket.on('error', () => {});
  return socket;
}

/** Everything until the other side has ended. @throws Error when the connection breaks before */
async function readToEnd(socket: Socket): Promise<Digest> {
  const digest = new Digest();
  for await (const chunk of socket) digest.add(chunk);
  return digest;
}

async function readText(socket: Socket): Promise<string> {
  let text = '';
  for await (const chunk of socket) text += chunk;
  return text;
}

interface Read {
  readonly bytes: number;
  readonly sha256: string;
  readonly ended: boolean;
}

/** What a server that does not answer has read, once it has read to the end. */
async function readByServer(): Promise<Read> {
  for (;;) {
    const read: Read = JSON.parse(await readText(dial(9005)));
    if (read.ended) return read;
  }
}

async function echo(bytes: Buffer): Promise<void> {
  const socket = dial(9001);
  const answer = readToEnd(socket);
  socket.end(bytes);
  assert.equal((await answer).bytes, bytes.length);
}

await check('the client ends its side first', async () => {
  const socket = dial(9001);
  const answer = readToEnd(socket);
  await pipeline(Readable.from(patternPieces(300_000)), socket);
  assert.equal((await answer).hex, patternDigest(300_000));
});

await check('the server ends its side first', async () => {
  const socket = dial(9003);
  assert.equal((await readToEndKeepingOpen(socket)).hex, patternDigest(SENT_BYTES));
  // And it still reads.
  await pipeline(Readable.from(patternPieces(300_000)), socket);
  assert.equal((await readByServer()).sha256, patternDigest(300_000));
});

/** An iterator would close the socket after the end. */
async function readToEndKeepingOpen(socket: Socket): Promise<Digest> {
  const digest = new Digest();
  socket.on('data', (chunk: Buffer) => digest.add(chunk));
  await once(socket, 'end');
  return digest;
}

await check('an end without a byte, either way', async () => {
  const socket = dial(9001);
  const answer = readToEnd(socket);
  socket.end();
  assert.equal((await answer).bytes, 0);
  assert.equal((await readToEnd(dial(9006))).bytes, 0);
});

await check('a server that only reads', async () => {
  const socket = dial(9002);
  const answer = readToEnd(socket);
  await pipeline(Readable.from(patternPieces(1_000_000)), socket);
  assert.equal((await answer).bytes, 0);
  assert.equal((await readByServer()).sha256, patternDigest(1_000_000));
});

await check('a large transfer to the server', async () => {
  const socket = dial(9002);
  const answer = readToEnd(socket);
  await pipeline(Readable.from(patternPieces(largeBytes)), socket);
  await answer;
  const { bytes, sha256 } = await readByServer();
  assert.deepEqual([bytes, sha256], [largeBytes, patternDigest(largeBytes)]);
});

await check('a large transfer there and back', async () => {
  const socket = dial(9001);
  const answer = readToEnd(socket);
  await pipeline(Readable.from(patternPieces(largeBytes)), socket);
  assert.equal((await answer).hex, patternDigest(largeBytes));
});

await check('byte by byte', async () => {
  const socket = dial(9001).setNoDelay(true);
  for (let i = 0; i < count; i += 1) {
    const sent = patternBytes(i, i + 1);
    socket.write(sent);
    const [received] = await once(socket, 'data');
    assert.ok(received.equals(sent));
  }
  socket.destroy();
});

await check('many short connections', async () => {
  for (let done = 0; done < count; done += 20) {
    await Promise.all(Array.from({ length: 20 }, (_, i) => echo(patternBytes(i, i + 100))));
  }
});

await check('a reset is one at the other end, not an end', async () => {
  const socket = dial(9007);
  socket.write('x');
  await assert.rejects(readToEnd(socket), { code: 'ECONNRESET' });
});
