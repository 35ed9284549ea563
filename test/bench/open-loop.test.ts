import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, suite, test } from 'node:test';
import { Checker, checkOnce } from './checked-client.ts';
import { runOpenLoop } from './open-loop.ts';
import { Origin } from './origin.ts';

suite('clients that check every response', () => {
  const directory = mkdtempSync(join(tmpdir(), 'remora-bench-test-'));
  const origin = new Origin(directory);
  const sockets = new Set<Socket>();
  let server: Server;
  let port = 0;
  /** How the server answers the nth request. */
  let answer: (path: string, count: number) => Buffer;
  let count = 0;

  const right = (path: string): Buffer => response(origin.body(path));

  function response(body: Buffer, status = '200 OK', length = body.length): Buffer {
    const head = `HTTP/1.1 ${status}\r\nContent-Length: ${length}\r\n\r\n`;
    return Buffer.concat([Buffer.from(head), body]);
  }

  before(async () => {
    server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
      socket.on('data', (chunk) => {
        count += 1;
        socket.write(answer(String(chunk).split(' ')[1] ?? '', count));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    port = typeof address === 'object' && address !== null ? address.port : 0;
  });

  afterEach(() => {
    count = 0;
    for (const socket of sockets) socket.destroy();
  });

  after(() => {
    server.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const load = () => ({
    ...{ port, path: '/1k', requestsPerSecond: 500, durationMs: 100, connections: 4 },
  });

  test('the open loop sends as many as are due, and times each', async () => {
    answer = right;
    const times = await runOpenLoop(load(), origin);
    assert.equal(times.length, 50);
    assert.ok(times.every((time) => time > 0));
    assert.equal(count, 50);
  });

  const wrong: { name: string; answer: (path: string) => Buffer; expected: RegExp }[] = [
    {
      name: 'another status',
      answer: (path) => response(origin.body(path), '503 Unavailable'),
      expected: /HTTP\/1\.1 200 was wanted, not HTTP\/1\.1 503/,
    },
    {
      name: 'a length that is not the body’s',
      answer: () => response(Buffer.alloc(10)),
      expected: /content-length 1024 was wanted, not 10/,
    },
    {
      name: 'the body of another path',
      answer: () => right('/check-1'),
      expected: /the body is not what the origin sent/,
    },
    {
      name: 'more than the body',
      answer: (path) => Buffer.concat([right(path), Buffer.from('x')]),
      expected: /the body is not what the origin sent/,
    },
  ];
  for (const { name, answer: wrongAnswer, expected } of wrong) {
    test(`${name} ends the run`, async () => {
      answer = (path, number) => (number === 20 ? wrongAnswer(path) : right(path));
      await assert.rejects(runOpenLoop(load(), origin), expected);
    });
    test(`${name} is seen by the checker beside a load`, async () => {
      answer = (path, number) => (number === 5 ? wrongAnswer(path) : right(path));
      const checker = new Checker(port, 'http1', origin, ['/1k', '/check-2']);
      while (count < 6) await new Promise((resolve) => setTimeout(resolve, 2));
      await assert.rejects(checker.stop(), expected);
    });
  }

  test('a connection that closes without an answer is an error', async () => {
    answer = () => {
      for (const socket of sockets) socket.end();
      return Buffer.alloc(0);
    };
    await assert.rejects(checkOnce(port, 'http1', origin), /closed without an answer/);
  });
});
