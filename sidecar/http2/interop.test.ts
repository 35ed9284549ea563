import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { after, describe, test } from 'node:test';
import { eventually, listen } from '../../test/fakes/connections.ts';
import {
  connectHttp2,
  EchoStream,
  RecordedStream,
  serveHttp2,
} from '../../test/fakes/http2-connections.ts';
import { headerField, literalField } from './header-field.ts';
import type { Http2Connection } from './types.ts';

const OK = headerField(':status', '200');
const TEXT = headerField('content-type', 'text/plain');
const TRAILER = headerField('x-checksum', 'abc');

function echoServer() {
  return serveHttp2(() => ({
    onStream: (stream, _fields, endStream) =>
      new EchoStream(stream, [OK, TEXT], [TRAILER], endStream),
    onClose: () => {},
  }));
}

async function startEcho(): Promise<number> {
  const server = echoServer();
  after(() => server.close());
  return listen(server);
}

interface Answer {
  head: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader;
  trailers: http2.IncomingHttpHeaders;
  body: Buffer;
}

function ask(
  session: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders,
  body?: Buffer,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream = session.request(headers, { endStream: body === undefined });
    const answer: Answer = { head: {}, trailers: {}, body: Buffer.alloc(0) };
    const chunks: Buffer[] = [];
    stream.on('response', (head) => {
      answer.head = head;
    });
    stream.on('trailers', (trailers) => {
      answer.trailers = trailers;
    });
    stream.on('data', (chunk) => chunks.push(chunk));
    stream.on('error', reject);
    stream.on('close', () => {
      answer.body = Buffer.concat(chunks);
      resolve(answer);
    });
    if (body !== undefined) stream.end(body);
  });
}

function nodeSession(port: number): http2.ClientHttp2Session {
  const session = http2.connect(`http://127.0.0.1:${port}`, { maxSessionMemory: 100 });
  after(() => session.destroy());
  return session;
}

describe("as a server of Node's client", () => {
  test('answers a request without a body', async () => {
    const answer = await ask(nodeSession(await startEcho()), { ':path': '/' });
    assert.equal(answer.head[':status'], 200);
    assert.equal(answer.trailers['x-checksum'], 'abc');
    assert.equal(answer.body.length, 0);
  });

  for (const size of [1, 65_535, 1_000_000, 20_000_000]) {
    test(`echoes ${size} bytes`, async () => {
      const body = Buffer.alloc(size, 'remora');
      const answer = await ask(
        nodeSession(await startEcho()),
        { ':path': '/', ':method': 'POST' },
        body,
      );
      assert.ok(answer.body.equals(body));
      assert.equal(answer.trailers['x-checksum'], 'abc');
    });
  }

  test('serves many streams at once', async () => {
    const session = nodeSession(await startEcho());
    const bodies = Array.from({ length: 90 }, (_, i) => Buffer.alloc(30_000, `${i} `));
    const answers = await Promise.all(
      bodies.map((body, i) => ask(session, { ':path': `/${i}`, ':method': 'POST' }, body)),
    );
    answers.forEach((answer, i) => {
      assert.ok(answer.body.equals(bodies[i] as Buffer), `body ${i}`);
    });
  });

  test('passes large heads in several frames', async () => {
    const session = nodeSession(await startEcho());
    const headers: http2.OutgoingHttpHeaders = { ':path': '/' };
    for (let i = 0; i < 40; i++) headers[`x-large-${i}`] = 'v'.repeat(1000);
    assert.equal((await ask(session, headers)).head[':status'], 200);
    assert.equal((await ask(session, headers)).head[':status'], 200);
  });

  test('drains: what is under way ends, and then the connection', async () => {
    let connection: Http2Connection | undefined;
    const recorded = new RecordedStream();
    const closed = Promise.withResolvers<unknown>();
    const server = serveHttp2((get) => ({
      onStream: (stream) => {
        connection = get();
        recorded.stream = stream;
        return recorded;
      },
      onClose: (error) => closed.resolve(error),
    }));
    after(() => server.close());
    const session = nodeSession(await listen(server));
    const goaway = once(session, 'goaway');
    const answer = ask(session, { ':path': '/' });
    await eventually(() => recorded.stream !== undefined);
    connection?.drain();
    await goaway;
    recorded.stream?.sendHeaders([OK], false);
    recorded.stream?.sendData(Buffer.from('late'), true);
    assert.equal(String((await answer).body), 'late');
    assert.deepEqual(await recorded.ended, { kind: 'complete' });
    assert.equal(await closed.promise, undefined);
  });

  test('is told of a reset', async () => {
    const recorded = new RecordedStream();
    const server = serveHttp2(() => ({ onStream: () => recorded, onClose: () => {} }));
    after(() => server.close());
    const session = nodeSession(await listen(server));
    const stream = session.request({ ':path': '/' });
    stream.on('error', () => {});
    await once(stream, 'ready').catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 20));
    stream.close(http2.constants.NGHTTP2_CANCEL);
    assert.deepEqual(await recorded.ended, { kind: 'reset', code: 8 });
  });
});

describe("as a client of Node's server", () => {
  async function startNode(
    onStream: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void,
    options: http2.ServerOptions = {},
  ): Promise<{ connection: Http2Connection; server: http2.Http2Server }> {
    const server = http2.createServer(options);
    server.on('stream', onStream);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const settled = Promise.withResolvers<void>();
    const { connection, socket } = connectHttp2((server.address() as AddressInfo).port, {
      onSettled: () => settled.resolve(),
      onClose: () => {},
    });
    after(() => {
      connection.destroy();
      socket.destroy();
      server.close();
    });
    await settled.promise;
    return { connection, server };
  }

  function request(
    connection: Http2Connection,
    method: string,
    path: string,
    body?: Buffer,
  ): RecordedStream {
    const recorded = new RecordedStream();
    const fields = [
      headerField(':method', method),
      headerField(':scheme', 'http'),
      headerField(':authority', 'svc.test'),
      literalField(':path', path),
    ];
    recorded.stream = connection.open(fields, body === undefined, recorded);
    if (body !== undefined) recorded.stream.sendData(body, true);
    return recorded;
  }

  const echo = (stream: http2.ServerHttp2Stream): void => {
    stream.respond({ ':status': 200, 'x-who': 'node' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-checksum': 'abc' }));
    stream.on('error', () => {});
    stream.pipe(stream);
  };

  for (const size of [0, 1, 65_535, 1_000_000, 20_000_000]) {
    test(`sends ${size} bytes and gets them back`, async () => {
      const { connection } = await startNode(echo);
      const body = Buffer.alloc(size, 'remora');
      const recorded = request(connection, 'POST', '/echo', body);
      assert.deepEqual(await recorded.ended, { kind: 'complete' });
      assert.equal(recorded.heads[0]?.[0]?.value, '200');
      assert.ok(recorded.body.equals(body));
      assert.deepEqual(
        recorded.heads[1]?.map(({ name, value }) => [name, value]),
        [['x-checksum', 'abc']],
      );
      assert.equal(connection.streamCount, 0);
    });
  }

  test('passes on interim responses', async () => {
    const { connection } = await startNode((stream) => {
      stream.additionalHeaders({ ':status': 103, link: '</a>' });
      stream.respond({ ':status': 204 }, { endStream: true });
    });
    const recorded = request(connection, 'GET', '/');
    assert.deepEqual(await recorded.ended, { kind: 'complete' });
    assert.deepEqual(
      recorded.heads.map((head) => head[0]?.value),
      ['103', '204'],
    );
  });

  test('keeps to the number of streams that the server takes', async () => {
    let available = 0;
    const held: http2.ServerHttp2Stream[] = [];
    const server = http2.createServer({ settings: { maxConcurrentStreams: 2 } });
    server.on('stream', (stream) => held.push(stream));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const settled = Promise.withResolvers<void>();
    const { connection, socket } = connectHttp2((server.address() as AddressInfo).port, {
      onSettled: () => settled.resolve(),
      onAvailable: () => {
        available += 1;
      },
      onClose: () => {},
    });
    after(() => {
      socket.destroy();
      server.close();
    });
    await settled.promise;
    const first = request(connection, 'GET', '/1');
    assert.equal(connection.available, true);
    request(connection, 'GET', '/2');
    assert.equal(connection.available, false);
    assert.throws(() => request(connection, 'GET', '/3'), { code: 'connection-reset' });
    await eventually(() => held.length === 2);
    held[0]?.respond({ ':status': 200 }, { endStream: true });
    await first.ended;
    assert.equal(connection.available, true);
    assert.equal(available, 1);
  });

  test('answers of HEAD have no body, whatever they announce', async () => {
    const { connection } = await startNode((stream) => {
      stream.respond({ ':status': 200, 'content-length': 1000 }, { endStream: true });
    });
    assert.deepEqual(await request(connection, 'HEAD', '/').ended, { kind: 'complete' });
  });

  test('pings', async () => {
    const { connection } = await startNode(() => {});
    const pongs: number[] = [];
    for (const number of [1, 2, 3]) connection.ping(() => pongs.push(number));
    await eventually(() => pongs.length === 3);
    assert.deepEqual(pongs, [1, 2, 3]);
  });

  test('a connection that is cut loses its streams', async () => {
    const arrived = Promise.withResolvers<void>();
    const { connection } = await startNode((stream) => {
      stream.on('error', () => {});
      arrived.resolve();
    });
    const recorded = request(connection, 'GET', '/');
    await arrived.promise;
    const error = new Error('cut');
    connection.destroy(error);
    assert.deepEqual(await recorded.ended, { kind: 'lost', error });
  });
});
