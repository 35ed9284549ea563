import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, suite, test } from 'node:test';
import { eventually, listen } from '../fakes/connections.ts';
import { SidecarPair } from '../fakes/sidecar-pair.ts';
import { HOSTILE_RESPONSES, type HostileResponse, TARGET } from './hostile-responses.ts';
import { RawConnection, type RawResponse } from './raw-connection.ts';
import { get } from './vector.ts';

/** Answers requests for the hostile target as it is told, and all others with their own target. */
class HostileApplication {
  hostile: HostileResponse | undefined;
  /** The connection on which that was written. */
  last: Socket | undefined;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor() {
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('end', () => socket.end());
      socket.setEncoding('latin1');
      let received = '';
      socket.on('data', (text) => {
        received += text;
        for (let end = received.indexOf('\r\n\r\n'); end >= 0; end = received.indexOf('\r\n\r\n')) {
          this.#answer(socket, received.split(' ', 2)[1] ?? '');
          received = received.slice(end + 4);
        }
      });
    });
  }

  start(): Promise<number> {
    return listen(this.#server);
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #answer(socket: Socket, target: string): void {
    const { hostile } = this;
    if (target !== TARGET || hostile === undefined) {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${target.length}\r\n\r\n${target}`);
      return;
    }
    this.last = socket;
    const written = (): void => {
      if (hostile.ending === 'end') socket.end();
      else if (hostile.ending === 'reset') socket.resetAndDestroy();
    };
    if (hostile.bytes === '') written();
    else socket.write(Buffer.from(hostile.bytes, 'latin1'), written);
  }
}

suite('what a client sees of an application that breaks the rules', () => {
  const directory = mkdtempSync(join(tmpdir(), 'remora-hostile-'));
  const application = new HostileApplication();
  let pair: SidecarPair;

  before(async () => {
    const applicationPort = await application.start();
    pair = await SidecarPair.start({ directory, applicationPort });
  });

  after(async () => {
    await pair[Symbol.asyncDispose]();
    application.close();
    rmSync(directory, { recursive: true, force: true });
  });

  for (const way of ['plain', 'through the trunk'] as const) {
    describe(way, () => {
      for (const hostile of HOSTILE_RESPONSES) {
        test(hostile.name, async () => {
          const port = way === 'plain' ? pair.inboundPort : pair.outboundPort;
          application.hostile = hostile;
          const client = await send(port, hostile);
          checkAnswer(client, hostile);
          await writeAfterwards(application, hostile);
          await checkNext(client, hostile);
          await checkBystander(port);
        });
      }
    });
  }
});

async function send(port: number, hostile: HostileResponse): Promise<RawConnection> {
  const { request = get(TARGET) } = hostile;
  const client = await RawConnection.open(port, [request.split(' ', 1)[0] ?? '', 'GET']);
  client.send(request);
  assert.ok(await client.wait(() => client.responses.length > 0), 'nothing came');
  return client;
}

function checkAnswer(client: RawConnection, { expected, ending }: HostileResponse): void {
  const [response] = client.responses;
  // A reset may overtake what was written before it.
  if (ending === 'reset' && response?.headers.get('x-remora-error') === 'upstream-reset') return;
  if (expected.kind === 'cut') {
    assert.equal(response, undefined, 'a response that looks whole');
    assert.ok(client.reset || client.rest !== '', 'a clean end');
    return;
  }
  assert.equal(response?.status, expected.status);
  if (expected.kind === 'error') {
    assert.equal(response.headers.get('x-remora-error'), expected.code);
    return;
  }
  assert.equal(response.body, expected.body);
  if (expected.interims !== undefined) assert.equal(client.interims, expected.interims);
  for (const name of expected.without ?? []) assert.ok(!response.headers.has(name), name);
}

/** What nobody asked for makes the sidecar drop the connection. */
async function writeAfterwards(
  application: HostileApplication,
  { afterwards }: HostileResponse,
): Promise<void> {
  const { last } = application;
  if (afterwards === undefined || last === undefined) return;
  last.write(Buffer.from(afterwards, 'latin1'));
  await eventually(() => last.readableEnded || last.destroyed, 'the end of the idle connection');
}

/** The next request on the connection gets its own answer, or none. */
async function checkNext(client: RawConnection, { request }: HostileResponse): Promise<void> {
  // The rest of a request that was answered early comes first.
  if (request?.includes('Content-Length: 10') === true) client.send('fghij');
  if (!client.over) client.send(get('/next', 'Connection: close\r\n'));
  await client.wait(() => false);
  client.close();
  const answers: (string | undefined)[] = client.responses.slice(1).map(bodyOf);
  assert.ok(answers.length === 0 || (answers.length === 1 && answers[0] === '/next'), `${answers}`);
}

async function checkBystander(port: number): Promise<void> {
  const bystander = await RawConnection.open(port, ['GET']);
  bystander.send(get('/bystander', 'Connection: close\r\n'));
  await bystander.wait(() => false);
  bystander.close();
  assert.deepEqual(bystander.responses.map(bodyOf), ['/bystander']);
}

function bodyOf({ body }: RawResponse): string {
  return body;
}
