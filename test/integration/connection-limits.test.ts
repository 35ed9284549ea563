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
    test(`closes further ones at once (${listener}), counts them, and serves those that it has`, async () => {
      const opened: Socket[] = [];
      let closed = 0;
      for (let i = 0; i < LIMIT + 5; i++) {
        const socket = connect(example.port(port), '127.0.0.1');
        socket.on('error', () => {}).on('close', () => closed++);
        opened.push(socket);
        await once(socket, 'connect').catch(() => {});
      }
      sockets.push(...opened);
      await until(async () => closed === 5, 'the end of those that are too many');
      const [first] = opened;
      first?.write('GET /one HTTP/1.1\r\nHost: cart\r\n\r\n');
      const [answer] = await once(first as Socket, 'data');
      assert.match(String(answer), /^HTTP\/1.1 200 /);
      const line = `remora_limit_refusals_total{service="",reason="${listener}-connections"} 5`;
      await until(async () => (await example[of].health('/metrics')).body.includes(line), line);
      for (const socket of opened) socket.destroy();
      await until(async () => (await ask(example, port)) === 200, 'room for others');
    });
  }
});

async function ask(example: StaticExample, port: number): Promise<number> {
  return await example.ask(port, '/two').then(
    ({ status }) => status,
    () => 0,
  );
}
