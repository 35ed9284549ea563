/**
 * Mixed load from the client's pod: `<factor>` of the usual rate. Prints every five
 * seconds, and at its end, what was done and what failed, as JSON. SIGTERM ends it
 * when everything under way is over.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { type ClientHttp2Session, connect as connectHttp2, constants } from 'node:http2';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type Client, credentials } from '@grpc/grpc-js';
import { WebSocket } from 'ws';
import { loadEcho, type Text } from '../protocols/programs/grpc-echo.ts';
import { Digest, patternBytes, patternDigest } from '../protocols/programs/pattern.ts';
import type { LoadReport } from './load-report.ts';

const factor = Number(process.argv[2] ?? 1);
const REPORT_MS = 5_000;
/** What has no end for this long has failed. */
const HANGS_MS = 60_000;
/** Of one kind at a time; when the machine is too slow, less is done. */
const MAX_UNDER_WAY = 50;
/** How long sessions last. */
const SESSION_MS = 20_000;

const report: LoadReport = { done: {}, failed: {} };
let stopping = false;
let underWay = 0;

/** Does something again and again, `perSecond` times, whether or not the last time is over. */
function repeat(kind: string, perSecond: number, act: () => Promise<void>): void {
  report.done[kind] = 0;
  let ofKind = 0;
  const timer = setInterval(
    () => {
      if (stopping) {
        clearInterval(timer);
        return;
      }
      if (ofKind >= MAX_UNDER_WAY) return;
      ofKind += 1;
      void count(kind, act).finally(() => {
        ofKind -= 1;
      });
    },
    1000 / (perSecond * factor),
  );
}

/** Keeps `sessions` going; each begins anew when it is over. */
function keep(kind: string, sessions: number, act: () => Promise<void>): void {
  report.done[kind] = 0;
  for (let i = 0; i < sessions; i += 1) {
    void (async () => {
      while (!stopping) await count(kind, act);
    })();
  }
}

async function count(kind: string, act: () => Promise<void>): Promise<void> {
  underWay += 1;
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('hangs')), HANGS_MS + SESSION_MS);
  });
  try {
    await Promise.race([act(), limit]);
    report.done[kind] = (report.done[kind] ?? 0) + 1;
  } catch (error) {
    const failed = report.failed[kind] ?? { count: 0, last: '' };
    report.failed[kind] = { count: failed.count + 1, last: String(error) };
    // A failure must not become a storm.
    await delay(100);
  } finally {
    clearTimeout(timer);
    underWay -= 1;
  }
}

interface Answer {
  readonly status: number;
  /** The code of a sidecar that answered instead. */
  readonly error: string | undefined;
  readonly body: Digest;
}

async function ask(agent: Agent, url: string, body?: Buffer): Promise<Answer> {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const method = body === undefined ? 'GET' : 'POST';
    const asking = request(url, { agent, method, timeout: HANGS_MS }, resolve);
    asking.on('error', reject);
    asking.on('timeout', () => asking.destroy(new Error('hangs')));
    asking.end(body);
  });
  const digest = new Digest();
  for await (const chunk of answer) digest.add(chunk);
  const { 'x-remora-error': error } = answer.headers;
  return { status: answer.statusCode ?? 0, error: error?.toString(), body: digest };
}

async function download(agent: Agent, bytes: number): Promise<void> {
  const { status, error, body } = await ask(agent, `http://http/bytes/${bytes}`);
  assert.deepEqual([status, error, body.hex], [200, undefined, patternDigest(bytes)]);
}

const keptAlive = new Agent({ keepAlive: true, maxSockets: 20 });
const short = new Agent({ keepAlive: false });
repeat('HTTP/1.1, kept alive', 50, () => download(keptAlive, 1000));
repeat('HTTP/1.1, short connections', 10, () => download(short, 1000));
repeat('HTTP/1.1, large answers', 1, () => download(keptAlive, 1_000_000));
repeat('HTTP/1.1, uploads', 3, async () => {
  const { status } = await ask(keptAlive, 'http://http/digest', patternBytes(0, 200_000));
  assert.equal(status, 200);
});
repeat('HTTP/1.1, abandoned', 2, async () => {
  const asking = request('http://http/bytes/10000000', { agent: short });
  asking.on('error', () => {});
  asking.end();
  const [answer] = await once(asking, 'response');
  await once(answer, 'data');
  asking.destroy();
});
repeat('HTTP/1.1, pods that come and go', 10, async () => {
  const { status, error } = await ask(keptAlive, 'http://churn/');
  assert.deepEqual([status, error], [200, undefined]);
});
repeat('HTTP/1.1, without endpoints', 1, async () => {
  assert.equal((await ask(short, 'http://nobody/')).status, 503);
});

/** A session for some time, with an echo now and then. */
async function webSocketSession(): Promise<void> {
  const socket = new WebSocket('ws://websocket/');
  await once(socket, 'open');
  const endMs = Date.now() + SESSION_MS;
  for (let i = 0; Date.now() < endMs && !stopping; i += 1) {
    const answered = once(socket, 'message');
    socket.send(`message ${i}`);
    const [data] = await answered;
    assert.equal(String(data), `message ${i}`);
    await delay(200 / factor);
  }
  const closed = once(socket, 'close');
  socket.close(1000);
  assert.equal((await closed)[0], 1000);
}
keep('WebSocket sessions', 10, webSocketSession);

async function http2Request(session: ClientHttp2Session, bytes: number): Promise<void> {
  const stream = session.request({ ':path': `/bytes/${bytes}` });
  const digest = new Digest();
  for await (const chunk of stream) digest.add(chunk);
  assert.equal(digest.hex, patternDigest(bytes));
}

/** Some streams at a time, one of which is cancelled each time. */
async function http2Session(): Promise<void> {
  const session = connectHttp2('http://h2c');
  await once(session, 'connect');
  // Whoever waits for a stream learns of it there.
  session.on('error', () => {});
  try {
    const endMs = Date.now() + SESSION_MS;
    while (Date.now() < endMs && !stopping) {
      const cancelled = session.request({ ':path': '/bytes/10000000' });
      cancelled.on('error', () => {});
      const cancelling = once(cancelled, 'response').then(() =>
        cancelled.close(constants.NGHTTP2_CANCEL),
      );
      const streams = [1000, 1000, 1000, 100_000].map((bytes) => http2Request(session, bytes));
      await Promise.all([...streams, cancelling]);
      await delay(200 / factor);
    }
  } finally {
    session.destroy();
  }
}
keep('HTTP/2 sessions', 3, http2Session);

const Echo = loadEcho();
interface EchoClient extends Client {
  Unary(text: Text, callback: (error: Error | null, reply?: Text) => void): void;
}

/** A channel for some time; gRPC keeps its own connection. */
async function grpcSession(): Promise<void> {
  const client = new Echo('grpc:9090', credentials.createInsecure()) as Client as EchoClient;
  try {
    const endMs = Date.now() + SESSION_MS;
    for (let i = 0; Date.now() < endMs && !stopping; i += 1) {
      const value = `call ${i}`;
      const reply = await new Promise<Text | undefined>((resolve, reject) => {
        client.Unary({ value }, (error, text) => (error === null ? resolve(text) : reject(error)));
      });
      assert.equal(reply?.value, value);
      await delay(100 / factor);
    }
  } finally {
    client.close();
  }
}
keep('gRPC channels', 3, grpcSession);

async function tcpEcho(bytes: number): Promise<void> {
  const socket = connect({ host: 'tcp', port: 9001, allowHalfOpen: true });
  const digest = new Digest();
  socket.end(patternBytes(0, bytes));
  for await (const chunk of socket) digest.add(chunk);
  assert.equal(digest.hex, patternDigest(bytes));
}
repeat('TCP, short connections', 10, () => tcpEcho(100));
repeat('TCP, bulk', 0.5, () => tcpEcho(5_000_000));
repeat('TCP, reset by the client', 1, async () => {
  const socket = connect({ host: 'tcp', port: 9001 });
  socket.write('x');
  await once(socket, 'data');
  socket.resetAndDestroy();
});
keep('TCP sessions', 10, async () => {
  const socket = connect({ host: 'tcp', port: 9001 });
  // It may fail while nobody waits for an echo.
  let failure: Error | undefined;
  socket.on('error', (error) => {
    failure = error;
  });
  const endMs = Date.now() + SESSION_MS;
  while (Date.now() < endMs && !stopping) {
    const answered = once(socket, 'data');
    socket.write('x');
    assert.equal(String((await answered)[0]), 'x');
    await delay(500 / factor);
    if (failure !== undefined) throw failure;
  }
  socket.destroy();
});

function print(): void {
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

const printing = setInterval(print, REPORT_MS);
process.on('SIGTERM', () => {
  stopping = true;
});
while (!stopping || underWay > 0) await delay(100);
clearInterval(printing);
keptAlive.destroy();
print();
process.exit();
