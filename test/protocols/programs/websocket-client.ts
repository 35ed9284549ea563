/** Checks of WebSocket: `<url> <bytes of a large message> <how many small ones>`. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { patternBytes } from './pattern.ts';
import { check, note, orders } from './report.ts';

const [url = '', largeBytes = '', count = ''] = process.argv.slice(2);

/** A session with the messages that have come, in their order. */
class Session {
  readonly socket: WebSocket;
  readonly #messages: (string | Buffer)[] = [];
  #wake = (): void => {};

  constructor(protocols: string[] = [], options: { perMessageDeflate?: boolean } = {}) {
    this.socket = new WebSocket(url, protocols, { maxPayload: 256 * 2 ** 20, ...options });
    this.socket.on('message', (data: Buffer, binary: boolean) => {
      this.#messages.push(binary ? data : data.toString());
      this.#wake();
    });
  }

  async open(): Promise<this> {
    await once(this.socket, 'open');
    return this;
  }

  async next(): Promise<string | Buffer> {
    while (this.#messages.length === 0) {
      await new Promise<void>((resolve, reject) => {
        this.#wake = resolve;
        this.socket.once('close', (code) => reject(new Error(`closed with ${code}`)));
      });
    }
    return this.#messages.shift() ?? '';
  }

  async ask(text: string): Promise<string | Buffer> {
    this.socket.send(text);
    return await this.next();
  }

  async closed(): Promise<[code: number, reason: string]> {
    const [code, reason] = await once(this.socket, 'close');
    return [code, String(reason)];
  }
}

await check('a text comes back', async () => {
  const session = await new Session().open();
  assert.equal(await session.ask('hello ✓'), 'hello ✓');
  session.socket.close();
});

await check('a subprotocol is agreed upon', async () => {
  const { socket } = await new Session(['news', 'chat']).open();
  assert.equal(socket.protocol, 'chat');
  socket.close();
});

await check('many messages keep their order', async () => {
  const session = await new Session().open();
  for (let i = 0; i < Number(count); i += 1) session.socket.send(`message ${i}`);
  for (let i = 0; i < Number(count); i += 1) assert.equal(await session.next(), `message ${i}`);
  session.socket.close();
});

for (const perMessageDeflate of [true, false]) {
  await check(`a large message${perMessageDeflate ? ', compressed' : ''}`, async () => {
    const session = await new Session([], { perMessageDeflate }).open();
    const message = patternBytes(0, Number(largeBytes));
    session.socket.send(message);
    const answer = await session.next();
    assert.ok(Buffer.isBuffer(answer) && answer.equals(message));
    session.socket.close();
  });
}

await check('ping and pong, both ways', async () => {
  const session = await new Session().open();
  session.socket.ping('from the client');
  const [data] = await once(session.socket, 'pong');
  assert.equal(String(data), 'from the client');
  // The library answers a ping by itself.
  assert.equal(await session.ask('ping'), 'pong from the server');
  session.socket.close();
});

await check('close codes, both ways', async () => {
  const session = await new Session().open();
  const closed = session.closed();
  session.socket.send('close 4001 enough');
  assert.deepEqual(await closed, [4001, 'enough']);

  const second = await new Session().open();
  const over = second.closed();
  second.socket.close(4002, 'done');
  assert.deepEqual(await over, [4002, 'done']);
  const third = await new Session().open();
  assert.equal(await third.ask('last'), '4002 done');
  third.socket.close();
});

await check('an end without a word is one at the other end too', async () => {
  const session = await new Session().open();
  const closed = session.closed();
  session.socket.send('terminate');
  assert.equal((await closed)[0], 1006);

  const second = await new Session().open();
  await second.ask('hello');
  second.socket.terminate();
  const third = await new Session().open();
  // The server learns of it a little later.
  let last = await third.ask('last');
  while (!String(last).startsWith('1006')) last = await third.ask('last');
  third.socket.close();
});

await check('a session lasts while the configuration changes', async () => {
  const session = await new Session().open();
  let ended = false;
  void (async () => {
    for await (const _ of orders()) ended = true;
  })();
  note('session');
  for (let i = 0; !ended; i += 1) {
    assert.equal(await session.ask(`message ${i}`), `message ${i}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const closed = session.closed();
  session.socket.close(1000);
  assert.equal((await closed)[0], 1000);
});
process.exit();
