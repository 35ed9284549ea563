/** Checks of memcached's text protocol: `<host> <how many commands>`. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { patternBytes } from './pattern.ts';
import { check } from './report.ts';

const [host = '', countText = ''] = process.argv.slice(2);
const count = Number(countText);

/** Sends, and returns as many bytes as are expected. */
async function ask(socket: Socket, request: Buffer | string, bytes: number): Promise<Buffer> {
  socket.write(request);
  const chunks: Buffer[] = [];
  for (let length = 0; length < bytes; ) {
    const [chunk] = await once(socket, 'data');
    chunks.push(chunk);
    length += chunk.length;
  }
  return Buffer.concat(chunks);
}

async function exchange(socket: Socket, request: string, answer: string): Promise<void> {
  assert.equal(String(await ask(socket, request, answer.length)), answer);
}

const socket = connect(11211, host);

await check('set, get, incr, delete', async () => {
  await exchange(socket, 'set a 5 0 2\r\n10\r\n', 'STORED\r\n');
  await exchange(socket, 'get a b\r\n', 'VALUE a 5 2\r\n10\r\nEND\r\n');
  await exchange(socket, 'incr a 32\r\n', '42\r\n');
  await exchange(socket, 'delete a\r\n', 'DELETED\r\n');
  await exchange(socket, 'get a\r\n', 'END\r\n');
});

await check('pipelining, with commands that get no answer', async () => {
  let request = '';
  let answer = '';
  for (let i = 0; i < count; i += 1) {
    request += `set key${i} 0 0 5 noreply\r\n${String(i).padStart(5)}\r\nget key${i}\r\n`;
    answer += `VALUE key${i} 0 5\r\n${String(i).padStart(5)}\r\nEND\r\n`;
  }
  await exchange(socket, request, answer);
});

await check('a large value', async () => {
  const value = patternBytes(0, 8_000_000);
  const head = Buffer.from(`set large 0 0 ${value.length}\r\n`);
  const end = Buffer.from('\r\n');
  assert.equal(String(await ask(socket, Buffer.concat([head, value, end]), 8)), 'STORED\r\n');
  const before = Buffer.from(`VALUE large 0 ${value.length}\r\n`);
  const expected = Buffer.concat([before, value, Buffer.from('\r\nEND\r\n')]);
  assert.ok((await ask(socket, 'get large\r\n', expected.length)).equals(expected));
});
socket.end('quit\r\n');
