import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { Writable } from 'node:stream';
import { after, describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { LineWriter } from './line-writer.ts';
import { createLog, linesTo } from './log.ts';

/** Takes what it is given, and finishes a write when the test says so. */
class Reader extends Writable {
  readonly writes: string[] = [];
  stalled = false;
  #finish: (() => void) | undefined;

  override _write(bytes: Buffer, _encoding: string, done: () => void): void {
    this.writes.push(bytes.toString());
    if (this.stalled) this.#finish = done;
    else done();
  }

  goOn(): void {
    this.stalled = false;
    this.#finish?.();
  }

  get lines(): string[] {
    return this.writes.join('').split('\n').slice(0, -1);
  }
}

test('the lines of one turn leave in one write', async () => {
  const reader = new Reader();
  const output = new LineWriter(reader);
  output.write('a');
  output.write('b');
  assert.deepEqual(reader.writes, []);
  await turn();
  output.write('c');
  await turn();
  assert.deepEqual(reader.writes, ['a\nb\n', 'c\n']);
});

describe('a reader that stalls', () => {
  test('costs lines, which are counted, and no more memory than allowed', async () => {
    const reader = new Reader();
    const told: number[] = [];
    const output = new LineWriter(reader, 1000);
    output.onRecovered = (lines) => told.push(lines);
    reader.stalled = true;
    for (let i = 0; i < 500; i++) {
      output.write(`line ${i}`);
      await turn();
    }
    assert.equal(reader.writes.length, 1);
    const { dropped } = output;
    assert.ok(dropped > 350 && dropped < 450, `${dropped}`);
    assert.deepEqual(told, []);
    reader.goOn();
    await turn();
    await turn();
    assert.deepEqual(told, [dropped]);
    assert.deepEqual(
      reader.lines,
      Array.from({ length: 500 - dropped }, (_, i) => `line ${i}`),
    );
    output.write('after');
    await turn();
    assert.equal(reader.lines.at(-1), 'after');
    assert.equal(output.dropped, dropped);
    assert.deepEqual(told, [dropped]);
  });

  test('still gets the lines that matter more', async () => {
    const reader = new Reader();
    const output = new LineWriter(reader, 100);
    reader.stalled = true;
    for (let i = 0; i < 100; i++) output.write('much traffic');
    output.writeUrgent('an error');
    await turn();
    reader.goOn();
    await turn();
    assert.equal(reader.lines.at(-1), 'an error');
  });

  test('does not hold up who writes, on a real socket', async () => {
    const server = createServer({ pauseOnConnect: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const { port } = server.address() as { port: number };
    const socket = connect(port, '127.0.0.1');
    const [peer] = await accepted;
    after(() => {
      socket.destroy();
      peer.destroy();
      server.close();
    });
    const output = new LineWriter(socket, 256 * 1024);
    const line = 'x'.repeat(1023);
    let written = 0;
    // Until what the kernel holds and what we hold are both full.
    while (output.dropped < 1000) {
      for (let i = 0; i < 100; i++) output.write(line);
      written += 100;
      await turn();
    }
    assert.ok(socket.writableLength <= 256 * 1024);
    let received = 0;
    let broken = 0;
    let rest = '';
    peer.on('data', (bytes) => {
      const lines = (rest + bytes).split('\n');
      rest = lines.pop() ?? '';
      received += lines.length;
      broken += lines.filter((text) => text !== line).length;
    });
    peer.resume();
    while (received < written - output.dropped) await turn();
    assert.deepEqual([broken, rest], [0, '']);
  });
});

test('a reader that is gone costs lines and nothing else', async () => {
  const reader = new Reader();
  const output = new LineWriter(reader);
  reader.destroy(new Error('EPIPE'));
  await turn();
  output.write('lost');
  output.flush();
  await turn();
  assert.equal(output.dropped, 1);
  assert.deepEqual(reader.writes, []);
});

test('what is left at the end of the process is handed over at once', () => {
  const reader = new Reader();
  const output = new LineWriter(reader);
  output.write('last');
  output.flush();
  assert.deepEqual(reader.lines, ['last']);
});

test('a log writes its lines there, in ASCII', async () => {
  const reader = new Reader();
  const log = createLog('test', 'info', linesTo(new LineWriter(reader)));
  log.info({ name: 'größer\u2028' }, 'constant message');
  log.debug({}, 'not at this level');
  await turn();
  const [line = '', ...more] = reader.lines;
  assert.match(line, /^[\x20-\x7e]*$/);
  const { name, msg, level } = JSON.parse(line);
  assert.deepEqual([name, msg, level], ['größer\u2028', 'constant message', 'info']);
  assert.deepEqual(more, []);
});
