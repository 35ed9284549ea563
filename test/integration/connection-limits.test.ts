import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { StaticExample } from '../fakes/static-example.ts';
import { until } from '../fakes/until.ts';

const LIMIT = 10;

suite('a sidecar whose listeners take ten connections', () => {
  let example: StaticExample;
  const sockets: Socket[] = [];

  before(async () => {
    example = await StaticExample.start({ REMORA_MAX_CONNECTIONS: String(LIMIT) });
  });

  after(async () => {
    for (const socket of sockets) socket.destroy();
    await example[Symbol.asyncDispose]();
  });

  for (const { listener, port, of } of [
    { listener: 'inbound', port: 17006, of: 'server' },
    { listener: 'outbound', port: 17100, of: 'client' },
  ] as const) {
    test(`lets the idlest give way (${listener}), or the new one where all are used, and counts them`, async () => {
      const closed: Socket[] = [];
      const open = async (): Promise<Socket> => {
        const socket = connect(example.port(port), '127.0.0.1');
        sockets.push(socket);
        socket.on('error', () => {}).on('close', () => closed.push(socket));
        await once(socket, 'connect').catch(() => {});
        return socket;
      };
      const opened: Socket[] = [];
      for (let i = 0; i < LIMIT + 5; i++) opened.push(await open());
      await until(() => closed.length === 5, 'the end of those that are too many');
      assert.deepEqual(new Set(closed), new Set(opened.slice(0, 5)));
      for (const socket of opened.slice(5)) {
        socket.write(
          'POST /one HTTP/1.1\r\nHost: cart\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n',
        );
        assert.match(await said(socket), /^HTTP\/1.1 100 /);
      }
      const late = await open();
      await until(() => closed.includes(late), 'the end of the one for which there is no room');
      assert.equal(closed.length, 6);
      const last = opened.at(-1) as Socket;
      last.write('xGET /two HTTP/1.1\r\nHost: cart\r\n\r\n');
      assert.match(await said(last), /^HTTP\/1.1 200 /);
      const line = `remora_limit_refusals_total{service="",reason="${listener}-connections"} 6`;
      await until(async () => (await example[of].health('/metrics')).body.includes(line), line);
      for (const socket of opened) socket.destroy();
      await until(async () => (await ask(example, port)) === 200, 'room for others');
    });
  }
});

/** What it says next; rejects when it ends instead. */
async function said(socket: Socket): Promise<string> {
  const ended = once(socket, 'close').then(() => {
    throw new Error('the connection was closed');
  });
  const [bytes] = await Promise.race([once(socket, 'data'), ended]);
  ended.catch(() => {});
  return String(bytes);
}

async function ask(example: StaticExample, port: number): Promise<number> {
  return await example.ask(port, '/two').then(
    ({ status }) => status,
    () => 0,
  );
}
