import assert from 'node:assert/strict';
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { Server } from 'node:net';
import { after, describe, test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { MeshError } from '../../runtime/errors.ts';
import { eventually, listen } from '../../test/fakes/connections.ts';
import {
  HttpHop,
  type HttpHopOptions,
  RawClient,
  RawOrigin,
  roundTrip,
} from '../../test/fakes/http-hop.ts';
import { CONNECTION_ESTABLISHED, DRAIN_GRACE_MS, writeRefusal } from './serve.ts';

/** A Node server behind a hop. */
async function application(
  handler: (req: IncomingMessage, res: ServerResponse) => void,
  options: Partial<HttpHopOptions> = {},
): Promise<HttpHop> {
  const server = createServer(handler);
  const port = await listen(server as unknown as Server);
  after(() => {
    server.close();
    server.closeAllConnections();
  });
  return hopTo(port, options);
}

async function hopTo(port: number, options: Partial<HttpHopOptions> = {}): Promise<HttpHop> {
  const hop = await new HttpHop({ endpoints: [port], ...options }).start();
  after(() => hop.close());
  return hop;
}

async function origin(
  onData: (socket: RawOrigin['sockets'][number], received: string, index: number) => void,
): Promise<RawOrigin> {
  const made = await new RawOrigin(onData).start();
  after(() => made.close());
  return made;
}

async function connect(hop: HttpHop): Promise<RawClient> {
  const client = await RawClient.connect(hop.port);
  after(() => client.close());
  return client;
}

/** Answers with what it was sent. */
function echo(req: IncomingMessage, res: ServerResponse): void {
  const pieces: Buffer[] = [];
  req.on('data', (bytes) => pieces.push(bytes));
  req.on('end', () => {
    const body = Buffer.concat(pieces);
    res.setHeader('x-seen', `${req.method} ${req.url} ${body.length}`);
    res.end(body);
  });
}

const get = (path: string, fields = ''): string =>
  `GET ${path} HTTP/1.1\r\nHost: cart\r\n${fields}\r\n`;
const last = (path: string): string => get(path, 'Connection: close\r\n');

describe('requests and responses', () => {
  test('several requests share a connection on both sides', async () => {
    const hop = await application(echo);
    const client = await connect(hop);
    client.send(get('/1'));
    await client.until('GET /1 0');
    client.send(get('/2'));
    await client.until('GET /2 0');
    client.send(last('/3'));
    assert.match(await client.toEnd(), /x-seen: GET \/3 0.*$/s);
    assert.deepEqual(hop.outcomes, ['success', 'success', 'success']);
    assert.equal(hop.records.length, 3);
  });

  test('pipelined requests are answered in order, and only one is under way', async () => {
    let underWay = 0;
    let most = 0;
    const hop = await application((req, res) => {
      most = Math.max(most, ++underWay);
      setImmediate(() => {
        underWay--;
        res.end(`<${req.url}>`);
      });
    });
    const requests = Array.from({ length: 20 }, (_, i) => get(`/${i}`)).join('');
    const received = await roundTrip(hop.port, requests + last('/end'));
    const answers = [...received.matchAll(/<\/(\w+)>/g)].map((match) => match[1]);
    assert.deepEqual(answers, [...Array.from({ length: 20 }, (_, i) => String(i)), 'end']);
    assert.equal(most, 1);
  });

  test('pipelined requests of a client that then ends its side are all answered', async () => {
    const hop = await application(echo);
    const client = await connect(hop);
    client.send(get('/1') + get('/2'));
    client.socket.end();
    const received = await client.toEnd();
    assert.match(received, /GET \/1 0.*GET \/2 0/s);
    await eventually(() => client.closed, 'the close');
  });

  test('a client that reads no answers is asked for no further ones, until it reads', async () => {
    const REQUESTS = 1000;
    let served = 0;
    const hop = await application((_req, res) => {
      served++;
      // Small enough to come in one piece, after which there is nothing left to pause.
      res.end('x'.repeat(40_000));
    });
    const client = await connect(hop);
    client.socket.pause();
    client.send(get('/').repeat(REQUESTS));
    // Until nothing goes on any more: what is on its way fills the buffers of the kernel.
    for (let before = -1; before !== served || served === 0; ) {
      before = served;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    assert.ok(served < REQUESTS, `${served} were answered`);
    client.socket.resume();
    await eventually(() => served === REQUESTS, 'all answers');
    client.send(last('/end'));
    const received = await client.toEnd();
    assert.equal(received.split('HTTP/1.1 200 OK').length - 1, REQUESTS + 1);
  });

  test('a request cut into single bytes arrives whole', async () => {
    const hop = await application(echo);
    const client = await connect(hop);
    const text =
      'POST /a HTTP/1.1\r\nHost: cart\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n' +
      '3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n';
    for (const byte of text) {
      client.send(byte);
      await new Promise(setImmediate);
    }
    assert.match(await client.toEnd(), /POST \/a 5\r\n.*abcde$/s);
  });

  test('chunks and trailers pass in both directions', async () => {
    const hop = await application((req, res) => {
      req.resume();
      req.on('end', () => {
        res.writeHead(200, { trailer: 'x-sum' });
        res.write('one');
        res.write('two');
        res.addTrailers({ 'x-sum': `${req.trailers['x-in']}!` });
        res.end();
      });
    });
    const received = await roundTrip(
      hop.port,
      'POST / HTTP/1.1\r\nHost: cart\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n' +
        '2\r\nhi\r\n0\r\nX-In: 7\r\n\r\n',
    );
    assert.match(received, /transfer-encoding: chunked/);
    assert.match(received, /\r\n(3\r\none\r\n3\r\ntwo|6\r\nonetwo)\r\n/);
    assert.match(received, /0\r\nx-sum: 7!\r\n\r\n$/);
  });

  test('a response until the end of the connection becomes chunks, and the client stays', async () => {
    const app = await origin((socket) => {
      socket.end('HTTP/1.1 200 OK\r\n\r\nall of it');
    });
    const hop = await hopTo(app.port);
    const client = await connect(hop);
    client.send(get('/'));
    const received = await client.until('0\r\n\r\n');
    assert.match(received, /transfer-encoding: chunked\r\n\r\n9\r\nall of it\r\n0\r\n\r\n$/);
    assert.equal(client.ended, false);
  });

  for (const [method, status, fields, expected] of [
    ['HEAD', 200, { 'content-length': '5' }, /200 OK\r\n.*\r\ncontent-length: 5\r\n/],
    [
      'HEAD',
      200,
      { 'transfer-encoding': 'chunked' },
      /200 OK\r\n.*\r\ntransfer-encoding: chunked\r\n/,
    ],
    ['GET', 204, {}, /204 No Content\r\n/],
    [
      'GET',
      304,
      { 'content-length': '5', etag: '"a"' },
      /304 Not Modified\r\n(.*\r\n)*content-length: 5\r\n/,
    ],
  ] as const) {
    test(`${method} with ${status} and ${JSON.stringify(fields)} has no body`, async () => {
      const hop = await application((_req, res) => {
        res.writeHead(status, fields);
        res.end();
      });
      const client = await connect(hop);
      client.send(`${method} /1 HTTP/1.1\r\nHost: cart\r\n\r\n`);
      await client.until('\r\n\r\n');
      client.send(`${method} /2 HTTP/1.1\r\nHost: cart\r\nConnection: close\r\n\r\n`);
      const received = await client.toEnd();
      assert.match(received, expected);
      assert.equal(received.split('HTTP/1.1').length - 1, 2);
      assert.match(received, /\r\n\r\n$/);
    });
  }

  test('HEAD of HTTP/1.0 is told of no transfer coding', async () => {
    const hop = await application((_req, res) => {
      res.writeHead(200, { 'transfer-encoding': 'chunked', etag: '"a"' });
      res.end();
    });
    const received = await roundTrip(hop.port, 'HEAD / HTTP/1.0\r\nHost: cart\r\n\r\n');
    assert.match(received, /^HTTP\/1.1 200 OK\r\n.*etag: "a"/is);
    assert.doesNotMatch(received, /transfer-encoding/i);
  });

  test('HTTP/1.0 gets a response without chunks, and then the end', async () => {
    const hop = await application((req, res) => {
      res.write(`host ${req.headers.host}`);
      res.end();
    });
    const received = await roundTrip(hop.port, 'GET / HTTP/1.0\r\n\r\n');
    assert.match(received, /connection: close\r\n/);
    assert.doesNotMatch(received, /transfer-encoding/i);
    assert.match(received, /\r\n\r\nhost cart\.shop$/);
  });

  test('HTTP/1.0 may stay when the length is known', async () => {
    const hop = await application(echo);
    const client = await connect(hop);
    client.send('GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
    assert.match(await client.until('/1'), /connection: keep-alive/);
    client.send('GET /2 HTTP/1.0\r\n\r\n');
    assert.match(await client.toEnd(), /GET \/2 0/);
  });

  test('a client waits for 100 before it sends its body', async () => {
    const hop = await application(echo);
    const client = await connect(hop);
    client.send(
      'PUT / HTTP/1.1\r\nHost: cart\r\nExpect: 100-continue\r\nContent-Length: 4\r\nConnection: close\r\n\r\n',
    );
    await client.until('HTTP/1.1 100 Continue\r\n\r\n');
    client.send('body');
    assert.match(await client.toEnd(), /PUT \/ 4\r\n.*body$/s);
  });

  test('a client whose expectation is refused is not asked for its body', async () => {
    const server = createServer();
    server.on('checkContinue', (_req, res) => {
      res.writeHead(417, { 'content-length': 0 });
      res.end();
    });
    const port = await listen(server as unknown as Server);
    after(() => {
      server.close();
      server.closeAllConnections();
    });
    const hop = await hopTo(port);
    const received = await roundTrip(
      hop.port,
      'PUT / HTTP/1.1\r\nHost: cart\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n',
    );
    assert.match(received, /^HTTP\/1.1 417 /);
  });

  test('100 passes only once, and only to a client that asked for it', async () => {
    const app = await origin((socket, received) => {
      if (!/\r\n\r\n(?:body)?$/.test(received)) return;
      socket.write('HTTP/1.1 100 Continue\r\n\r\n');
      if (received.endsWith('body') || received.startsWith('GET')) {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
      }
    });
    const hop = await hopTo(app.port);
    assert.match(await roundTrip(hop.port, last('/')), /^HTTP\/1.1 200 /);
    const client = await connect(hop);
    client.send(
      'PUT / HTTP/1.1\r\nHost: cart\r\nExpect: 100-continue\r\nContent-Length: 4\r\nConnection: close\r\n\r\n',
    );
    await client.until('100 Continue');
    client.send('body');
    assert.equal((await client.toEnd()).split('100 Continue').length, 2);
  });

  test('103 passes to the client, and not to one of HTTP/1.0', async () => {
    const hop = await application((_req, res) => {
      res.writeEarlyHints({ link: '</a.css>; rel=preload' });
      res.end('done');
    });
    assert.match(
      await roundTrip(hop.port, last('/')),
      /^HTTP\/1.1 103 Early Hints\r\n.*HTTP\/1.1 200/s,
    );
    assert.match(await roundTrip(hop.port, 'GET / HTTP/1.0\r\n\r\n'), /^HTTP\/1.1 200/);
  });

  test('a response that comes before the body ends the exchange; a short rest is read over', async () => {
    const app = await origin((socket, received) => {
      if (received.endsWith('\r\n\r\n')) {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly');
      }
    });
    const hop = await hopTo(app.port);
    const client = await connect(hop);
    client.send('POST / HTTP/1.1\r\nHost: cart\r\nContent-Length: 10\r\n\r\n');
    await client.until('early');
    client.send('0123456789');
    client.send(last('/next'));
    assert.match(await client.toEnd(), /early.*early$/s);
    // The connection to the application was in the middle of a request.
    assert.equal(app.received.length, 2);
    assert.match(app.received[1] ?? '', /^GET \/next /);
  });

  test('request and response may flow at the same time', async () => {
    const hop = await application((req, res) => {
      res.writeHead(200);
      req.pipe(res);
    });
    const client = await connect(hop);
    client.send('POST / HTTP/1.1\r\nHost: cart\r\nTransfer-Encoding: chunked\r\n\r\n');
    for (const word of ['one', 'two', 'three']) {
      client.send(`${word.length.toString(16)}\r\n${word}\r\n`);
      await client.until(`${word}\r\n`);
    }
    client.send('0\r\n\r\n');
    await client.until('0\r\n\r\n');
    client.send(last('/'));
    assert.match(await client.toEnd(), /HTTP\/1.1 200.*HTTP\/1.1 200/s);
  });

  test('a client that ends its side still gets the answer', async () => {
    const hop = await application((_req, res) => setTimeout(() => res.end('late'), 20));
    const client = await connect(hop);
    client.send(get('/'));
    client.socket.end();
    assert.match(await client.toEnd(), /late/);
  });

  test('a client that leaves in the middle of its body takes the request with it', async () => {
    let received = 0;
    let aborted = false;
    const hop = await application((req) => {
      req.on('error', () => {
        aborted = true;
      });
      req.on('data', (bytes) => {
        received += bytes.length;
      });
    });
    const client = await connect(hop);
    client.send('POST / HTTP/1.1\r\nHost: cart\r\nContent-Length: 10\r\n\r\n123');
    await eventually(() => received === 3, 'the beginning of the body');
    client.socket.end();
    const record = await hop.record();
    assert.equal(record.status, 0);
    assert.equal(record.errorCode, '');
    assert.deepEqual(hop.outcomes, ['cancelled']);
    await eventually(() => aborted, 'the end of the request at the application');
  });

  test('a body of many megabytes passes unchanged in both directions', async () => {
    const hop = await application((req, res) => req.pipe(res));
    const body = Buffer.alloc(8 * 1024 * 1024, 'remora');
    const agent = new Agent();
    const pieces: Buffer[] = [];
    await new Promise<void>((resolve, reject) => {
      const req = request({ port: hop.port, method: 'POST', agent }, (res) => {
        res.on('data', (bytes) => pieces.push(bytes));
        res.on('end', resolve);
      });
      req.on('error', reject);
      req.end(body);
    });
    assert.ok(Buffer.concat(pieces).equals(body));
    const record = await hop.record();
    assert.ok(record.requestBytes > body.length && record.responseBytes > body.length);
  });

  test('the record of an exchange tells who, what and how much', async () => {
    const hop = await application(echo);
    const text =
      'POST /a HTTP/1.1\r\nHost: cart\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi';
    const received = await roundTrip(hop.port, text);
    const { durationMs, destination, ...record } = await hop.record();
    assert.ok(durationMs >= 0);
    assert.equal(destination.workload, 'cart');
    assert.deepEqual(record, {
      direction: 'outbound',
      source: { namespace: 'shop', workload: 'web' },
      service: 'shop/cart',
      route: 'rule',
      mutualTls: false,
      method: 'POST',
      status: 200,
      grpcStatus: undefined,
      errorCode: '',
      requestBytes: text.length,
      responseBytes: received.length,
    });
  });
});

describe('upgrades', () => {
  test('a WebSocket becomes bytes in both directions, with what was sent ahead', async () => {
    const server = createServer();
    server.on('upgrade', (_req, socket, head) => {
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n',
      );
      socket.write(head);
      socket.on('data', (bytes) => socket.write(bytes));
      socket.on('end', () => socket.end());
    });
    const port = await listen(server as unknown as Server);
    after(() => server.close());
    const hop = await hopTo(port);
    const client = await connect(hop);
    client.send(`${get('/', 'Connection: Upgrade\r\nUpgrade: echo\r\n')}ahead `);
    await client.until('ahead ');
    client.send('GET / HTTP/1.1\r\n\r\n\0\xff');
    const received = await client.until('\xff');
    assert.match(
      received,
      /^HTTP\/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n/,
    );
    assert.equal(hop.records.length, 0, 'not over yet');
    client.socket.end();
    await eventually(() => client.closed, 'the close');
    const record = await hop.record();
    assert.equal(record.status, 101);
    assert.ok(record.requestBytes > 60);
    assert.deepEqual(hop.outcomes, ['success']);
  });

  test('an application may decline', async () => {
    const hop = await application((_req, res) => res.end('plain'));
    const client = await connect(hop);
    client.send(get('/', 'Connection: Upgrade\r\nUpgrade: echo\r\n'));
    await client.until('plain');
    client.send(last('/'));
    assert.match(await client.toEnd(), /plain.*plain$/s);
  });

  test('a switch that nobody asked for is refused', async () => {
    const app = await origin((socket) => {
      socket.write('HTTP/1.1 101 Yes\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n');
    });
    const hop = await hopTo(app.port);
    assert.match(
      await roundTrip(hop.port, last('/')),
      /^HTTP\/1.1 502 .*x-remora-error: upstream-protocol-error/s,
    );
  });
});

describe('CONNECT', () => {
  const connectRequest = 'CONNECT cart:80 HTTP/1.1\r\nHost: cart:80\r\n\r\n';

  test('is refused where nobody takes it', async () => {
    const hop = await application(echo);
    assert.match(
      await roundTrip(hop.port, connectRequest),
      /^HTTP\/1.1 501 .*connect-unsupported/s,
    );
  });

  test('is handed over with what came behind it', async () => {
    const hop = await application(echo, {
      onConnect: (head, transport, rest) => {
        transport.write(CONNECTION_ESTABLISHED);
        transport.write(Buffer.from(`${head.host}:${head.port} ${rest}`));
        transport.end();
      },
    });
    const received = await roundTrip(hop.port, `${connectRequest}first`);
    assert.equal(received, 'HTTP/1.1 200 Connection Established\r\n\r\ncart:80 first');
  });

  test('can be refused by who took it', async () => {
    const hop = await application(echo, {
      onConnect: (_head, transport) => {
        writeRefusal(transport, new MeshError('no-endpoints', 'nobody is there'));
      },
    });
    assert.match(await roundTrip(hop.port, connectRequest), /^HTTP\/1.1 503 .*nobody is there\n$/s);
  });
});

describe('a response that breaks HTTP becomes 502', () => {
  for (const [what, response] of [
    ['no HTTP at all', 'SSH-2.0-OpenSSH\r\n\r\n'],
    ['CL with TE', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['CL twice', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc'],
    ['TE in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['bare LF', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n'],
    ['a folded header', 'HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n'],
    ['a status of two digits', 'HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n'],
    ['HTTP/2.0', 'HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n'],
    ['an endless head', `HTTP/1.1 200 OK\r\nA: ${'b'.repeat(70_000)}`],
  ] as const) {
    test(what, async () => {
      const app = await origin((socket) => {
        socket.write(Buffer.from(response, 'latin1'));
      });
      const hop = await hopTo(app.port);
      assert.match(
        await roundTrip(hop.port, last('/')),
        /^HTTP\/1.1 502 .*x-remora-error: upstream-protocol-error\r\n/s,
      );
      assert.deepEqual(hop.outcomes, ['gateway-error']);
      assert.equal((await hop.record()).errorCode, 'upstream-protocol-error');
    });
  }
});

describe('a response that breaks off cuts the client, so that nobody takes it for whole', () => {
  for (const [what, response] of [
    ['in a body of known length', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc'],
    ['in a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc'],
    ['between chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n'],
    ['by a broken chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nx'],
  ] as const) {
    test(what, async () => {
      const app = await origin((socket) => socket.end(response));
      const hop = await hopTo(app.port);
      const client = await connect(hop);
      client.send(get('/'));
      await eventually(() => client.closed || client.ended, 'the end');
      assert.doesNotMatch(client.received, /\r\n0\r\n\r\n$/);
      const record = await hop.record();
      assert.equal(record.status, 200);
      assert.match(record.errorCode, /^upstream-/);
      assert.deepEqual(hop.outcomes, ['gateway-error']);
    });
  }
});

test('bytes behind a response are not taken for the next one', async () => {
  const app = await origin((socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\npoison');
  });
  const hop = await hopTo(app.port);
  const client = await connect(hop);
  client.send(get('/1'));
  await client.until('ok');
  client.send(last('/2'));
  const received = await client.toEnd();
  assert.doesNotMatch(received, /poison/);
  assert.equal(app.received.length, 2, 'another connection');
});

describe('identity', () => {
  test('the application learns who called, from the certificate alone', async () => {
    const hop = await application(
      (req, res) => res.end(JSON.stringify(req.headers['x-forwarded-client-cert'] ?? null)),
      { direction: 'inbound', identity: 'spiffe://cluster.local/ns/shop/sa/web' },
    );
    const received = await roundTrip(
      hop.port,
      get('/', 'X-Forwarded-Client-Cert: URI=spiffe://evil\r\nConnection: close\r\n'),
    );
    assert.match(received, /\n"URI=spiffe:\/\/cluster.local\/ns\/shop\/sa\/web"$/);
    assert.equal((await hop.record()).mutualTls, true);
  });

  test('in plain text nothing is said', async () => {
    const hop = await application(
      (req, res) => res.end(JSON.stringify(req.headers['x-forwarded-client-cert'] ?? null)),
      { direction: 'inbound' },
    );
    const received = await roundTrip(
      hop.port,
      get('/', 'X-Forwarded-Client-Cert: URI=spiffe://evil\r\nConnection: close\r\n'),
    );
    assert.match(received, /\nnull$/);
  });

  test('an application cannot speak in the name of Remora', async () => {
    const hop = await application((_req, res) => {
      res.setHeader('x-remora-error', 'no-route');
      res.end();
    });
    assert.doesNotMatch(await roundTrip(hop.port, last('/')), /x-remora-error/);
  });
});

describe('draining', () => {
  test('an idle connection is closed a moment later', async () => {
    const clock = new ManualClock();
    const hop = await application(echo, { clock });
    const client = await connect(hop);
    client.send(get('/'));
    await client.until('GET / 0');
    hop.connections[0]?.drain();
    clock.advance(DRAIN_GRACE_MS - 1);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(client.ended, false);
    clock.advance(1);
    await client.toEnd();
  });

  test('a request that was on its way is answered, and is the last', async () => {
    const hop = await application(echo);
    const client = await connect(hop);
    client.send(get('/1'));
    await client.until('GET /1 0');
    hop.connections[0]?.drain();
    client.send(get('/2'));
    assert.match(await client.toEnd(), /GET \/2 0.*connection: close\r\n/s);
  });

  test('one more request is answered when the response had begun', async () => {
    const begun = Promise.withResolvers<ServerResponse>();
    const hop = await application((req, res) => {
      if (req.url !== '/1') {
        echo(req, res);
        return;
      }
      res.write('half');
      begun.resolve(res);
    });
    const client = await connect(hop);
    client.send(get('/1'));
    await client.until('half');
    hop.connections[0]?.drain();
    (await begun.promise).end();
    await client.until('\r\n0\r\n\r\n');
    client.send(get('/2'));
    assert.match(await client.toEnd(), /GET \/2 0.*connection: close\r\n/s);
  });

  test('an exchange under way is finished, and says that it was the last', async () => {
    const arrived = Promise.withResolvers<ServerResponse>();
    const hop = await application((_req, res) => arrived.resolve(res));
    const client = await connect(hop);
    client.send(get('/') + get('/never'));
    const response = await arrived.promise;
    hop.connections[0]?.drain();
    response.end('finished');
    await client.toEnd();
    assert.match(client.received, /connection: close\r\n.*finished$/s);
    assert.equal(hop.records.length, 1);
  });
});

describe('resolving', () => {
  test('happens for every request anew', async () => {
    let allowed = true;
    const hop = await application(echo, {
      resolve: (_head, target) => (allowed ? target : new MeshError('no-route', 'not any more')),
    });
    const client = await connect(hop);
    client.send(get('/1'));
    await client.until('GET /1 0');
    allowed = false;
    client.send(last('/2'));
    assert.match(
      await client.toEnd(),
      /HTTP\/1.1 404 .*x-remora-error: no-route.*not any more\n$/s,
    );
  });

  test('may take a while, and the body waits', async () => {
    const asked = Promise.withResolvers<() => void>();
    let known = false;
    const hop = await application(echo, {
      resolve: (_head, target) => {
        if (known) return target;
        return {
          wait: (again) => {
            asked.resolve(again);
            return () => {};
          },
        };
      },
    });
    const client = await connect(hop);
    client.send(
      'POST /a HTTP/1.1\r\nHost: cart\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbo',
    );
    const again = await asked.promise;
    client.send('dy');
    known = true;
    again();
    assert.match(await client.toEnd(), /POST \/a 4.*body$/s);
  });

  test('is not waited for when the client has gone', async () => {
    let waiting = false;
    let stopped = false;
    const hop = await application(echo, {
      resolve: () => ({
        wait: () => {
          waiting = true;
          return () => {
            stopped = true;
          };
        },
      }),
    });
    const client = await connect(hop);
    client.send(get('/'));
    await eventually(() => waiting, 'the wait');
    client.socket.resetAndDestroy();
    await eventually(() => stopped, 'the end of the wait');
  });
});

describe('slow readers', () => {
  test('a response waits in the application and not in memory', async () => {
    const piece = Buffer.alloc(64 * 1024);
    let written = 0;
    const hop = await application((_req, res) => {
      const pour = (): void => {
        while (written < 256 * 1024 * 1024) {
          written += piece.length;
          if (!res.write(piece)) {
            res.once('drain', pour);
            return;
          }
        }
      };
      pour();
    });
    const client = await connect(hop);
    client.socket.pause();
    client.send(get('/'));
    let before = -1;
    // The flow has stopped when a good while passes without a byte.
    await eventually(() => written > 0, 'the first byte');
    while (before !== written) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    assert.ok(written < 64 * 1024 * 1024, `${written} bytes were taken`);
  });

  test('a request waits at the client and not in memory', async () => {
    const hop = await application((req) => {
      req.pause();
    });
    const client = await connect(hop);
    const piece = Buffer.alloc(64 * 1024);
    client.send('POST / HTTP/1.1\r\nHost: cart\r\nContent-Length: 1000000000\r\n\r\n');
    let sent = 0;
    const pour = (): void => {
      while (sent < 256 * 1024 * 1024) {
        sent += piece.length;
        if (!client.socket.write(piece)) {
          client.socket.once('drain', pour);
          return;
        }
      }
    };
    pour();
    let before = -1;
    while (before !== sent) {
      before = sent;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    assert.ok(sent < 64 * 1024 * 1024, `${sent} bytes were taken`);
  });
});
