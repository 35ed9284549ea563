import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { after, describe, test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { MeshError } from '../../runtime/errors.ts';
import { KeptAccessLog } from '../../test/fakes/access-log.ts';
import { eventually } from '../../test/fakes/connections.ts';
import {
  HttpHop,
  type HttpHopOptions,
  RawClient,
  RawOrigin,
  roundTrip,
} from '../../test/fakes/http-hop.ts';
import { inboundLayers, refusalLayers } from './inbound.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

interface Logged {
  readonly app: RawOrigin;
  readonly hop: HttpHop;
  readonly accessLog: KeptAccessLog;
}

/** A hop that logs, before one application. */
async function logged(
  answer: (socket: Socket, received: string) => void,
  options: Partial<HttpHopOptions> = {},
): Promise<Logged> {
  const app = await new RawOrigin((socket, received) => {
    if (/\r\n\r\n(?:body)?$/.test(received)) answer(socket, received);
  }).start();
  const accessLog = new KeptAccessLog(options.clock);
  const hop = await new HttpHop({ endpoints: [app.port], accessLog, ...options }).start();
  after(() => {
    hop.close();
    app.close();
  });
  return { app, hop, accessLog };
}

function pick(line: Record<string, unknown>, ...names: string[]): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => [name, line[name]]));
}

describe('the line of a request', () => {
  test('tells what was asked, by whom, and what came of it', async () => {
    const clock = new ManualClock();
    const answerFirst = (socket: Socket): void => {
      clock.advance(30);
      socket.write(OK.slice(0, -1));
    };
    const { hop, app, accessLog } = await logged(answerFirst, { clock });
    const request = [
      'POST /a/../b?secret=1 HTTP/1.1',
      'Host: Cart.Shop:8080',
      'User-Agent: test/1 "x"',
      'X-Request-Id: r-1',
      `traceparent: 00-${TRACE}-00f067aa0ba902b7-01`,
      'Content-Length: 4',
      'Connection: close',
      '',
      'body',
    ].join('\r\n');
    const caller = await RawClient.connect(hop.port);
    after(() => caller.close());
    caller.send(request);
    await caller.until('\r\n\r\no');
    clock.advance(12);
    app.sockets[0]?.write('k');
    const answer = await caller.toEnd();
    const { time, client, durationMs, responseHeadMs, ...line } = await accessLog.line();
    assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.equal(client, '127.0.0.1:1');
    assert.deepEqual([responseHeadMs, durationMs], [30, 42]);
    assert.deepEqual(line, {
      log: 'access',
      direction: 'outbound',
      protocol: 'http1',
      method: 'POST',
      authority: 'cart.shop:8080',
      path: '/b',
      status: 200,
      outcome: 'completed',
      bytesIn: request.length,
      bytesOut: answer.length,
      attempts: 1,
      route: 'rule',
      service: 'shop/cart',
      upstream: `127.0.0.1:${app.port}`,
      source: 'shop/web',
      destination: 'shop/cart',
      mutualTls: false,
      traceId: TRACE,
      requestId: 'r-1',
      userAgent: 'test/1 "x"',
    });
  });

  test('is one for each request of a connection', async () => {
    const { hop, accessLog } = await logged((socket) => socket.write(OK));
    const get = 'GET /1 HTTP/1.1\r\nHost: a\r\n\r\n';
    await roundTrip(hop.port, `${get}GET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    await accessLog.line(1);
    assert.deepEqual(
      accessLog.lines.map(({ path, status }) => [path, status]),
      [
        ['/1', 200],
        ['/2', 200],
      ],
    );
  });

  test('counts the attempts, and names the upstream that answered', async () => {
    const { app, hop, accessLog } = await logged((socket) => socket.write(OK), {
      endpoints: [{ address: '127.0.0.2', port: 9 }],
    });
    hop.close();
    const both = await new HttpHop({
      endpoints: [{ address: '127.0.0.2', port: 9 }, app.port],
      accessLog,
    }).start();
    after(() => both.close());
    await roundTrip(both.port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    const { attempts, upstream, status } = await accessLog.line();
    assert.deepEqual([attempts, upstream, status], [2, `127.0.0.1:${app.port}`, 200]);
  });

  test('of one that nobody could take has the code, the sentence and the address', async () => {
    const { hop, accessLog } = await logged(() => {}, {
      endpoints: [{ address: '127.0.0.2', port: 9 }],
    });
    await roundTrip(hop.port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    const line = await accessLog.line();
    assert.match(String(line.error), /^127\.0\.0\.2:9 is not reached: .*ECONNREFUSED/);
    assert.deepEqual(pick(line, 'status', 'outcome', 'errorCode', 'upstream', 'responseHeadMs'), {
      status: 503,
      outcome: 'refused',
      errorCode: 'connect-failed',
      upstream: '127.0.0.2',
      responseHeadMs: undefined,
    });
  });

  test('of one that has no route tells its trace as well', async () => {
    const { hop, accessLog } = await logged(() => {}, {
      resolve: () => new MeshError('no-route', 'nothing matches'),
    });
    await roundTrip(
      hop.port,
      `GET /x HTTP/1.1\r\nHost: a\r\ntraceparent: 00-${TRACE}-00f067aa0ba902b7-00\r\nConnection: close\r\n\r\n`,
    );
    const line = await accessLog.line();
    assert.deepEqual(pick(line, 'path', 'status', 'errorCode', 'error', 'traceId', 'attempts'), {
      path: '/x',
      status: 404,
      errorCode: 'no-route',
      error: 'nothing matches',
      traceId: TRACE,
      attempts: 0,
    });
  });

  test('of a response that broke off tells when it had begun', async () => {
    const clock = new ManualClock();
    const answerHalf = (socket: Socket): void => {
      clock.advance(5);
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf');
    };
    const { app, hop, accessLog } = await logged(answerHalf, { clock });
    const client = await RawClient.connect(hop.port);
    after(() => client.close());
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await client.until('half');
    clock.advance(20);
    app.sockets[0]?.resetAndDestroy();
    const line = await accessLog.line();
    assert.deepEqual(pick(line, 'status', 'outcome', 'errorCode', 'responseHeadMs', 'durationMs'), {
      status: 200,
      outcome: 'cut',
      errorCode: 'upstream-reset',
      responseHeadMs: 5,
      durationMs: 25,
    });
  });

  test('of a client that went away has no status and no code', async () => {
    const { app, hop, accessLog } = await logged(() => {});
    const client = await RawClient.connect(hop.port);
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await eventually(() => app.received[0]?.endsWith('\r\n\r\n') === true, 'the request');
    client.socket.resetAndDestroy();
    const line = await accessLog.line();
    assert.deepEqual(pick(line, 'status', 'outcome', 'errorCode', 'upstream'), {
      status: undefined,
      outcome: 'abandoned',
      errorCode: undefined,
      upstream: `127.0.0.1:${app.port}`,
    });
  });

  test('of a switch to another protocol comes at its end, with all its bytes', async () => {
    const { hop, accessLog } = await logged((socket, received) => {
      if (received.includes('\r\n\r\nbody')) return;
      socket.write('HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n');
      socket.on('data', (bytes) => socket.write(bytes));
    });
    const client = await RawClient.connect(hop.port);
    client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n');
    await client.until('\r\n\r\n');
    client.send('x'.repeat(1000));
    await client.until('x'.repeat(1000));
    assert.equal(accessLog.lines.length, 0);
    client.socket.end();
    const line = await accessLog.line();
    assert.deepEqual(pick(line, 'status', 'outcome'), { status: 101, outcome: 'completed' });
    assert.ok(Number(line.bytesIn) > 1000 && Number(line.bytesOut) > 1000);
  });
});

describe('a head that is refused', () => {
  for (const { name, head, code, status } of [
    { name: 'is no HTTP', head: 'broken\r\n\r\n', code: 'bad-head', status: 400 },
    {
      name: 'is ambiguous',
      head: 'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      code: 'bad-framing',
      status: 400,
    },
    {
      name: 'tries to write lines of its own',
      head: 'GET /\nlog=access HTTP/1.1\r\nHost: a\r\n\r\n',
      code: 'bad-head',
      status: 400,
    },
  ]) {
    test(`because it ${name} has a line as well`, async () => {
      const { hop, accessLog } = await logged(() => {}, { direction: 'inbound' });
      const answer = await roundTrip(hop.port, head);
      const { error, time, ...line } = await accessLog.line();
      assert.ok(error !== undefined && time !== undefined);
      assert.deepEqual(line, {
        log: 'access',
        direction: 'inbound',
        protocol: 'http1',
        status,
        outcome: 'refused',
        errorCode: code,
        bytesIn: head.length,
        bytesOut: answer.length,
        durationMs: 0,
        attempts: 0,
        client: '127.0.0.1:1',
        source: 'shop/web',
        destination: 'unknown/unknown',
        mutualTls: false,
      });
    });
  }

  test('has nothing in its line of the request before it', async () => {
    const { hop, accessLog } = await logged((socket) => socket.write(OK));
    const first = 'GET /secret HTTP/1.1\r\nHost: a\r\nUser-Agent: first\r\n\r\n';
    await roundTrip(hop.port, `${first}broken\r\n\r\n`);
    const line = await accessLog.line(1);
    const names = ['path', 'userAgent', 'method', 'authority', 'upstream', 'responseHeadMs'];
    assert.deepEqual(
      names.filter((name) => name in line),
      [],
    );
  });
});

test('where nobody asked for a log, no layer of it is there', () => {
  const names = (layers: readonly { name: string }[]) => layers.map(({ name }) => name);
  assert.ok(names(inboundLayers(true)).includes('access-log'));
  assert.ok(names(refusalLayers(true)).includes('access-log'));
  assert.ok(!names(inboundLayers(false)).includes('access-log'));
  assert.ok(!names(refusalLayers(false)).includes('access-log'));
});
