import assert from 'node:assert/strict';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  createServer as createHttp2Server,
  type Http2Server,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { after, describe, test } from 'node:test';
import type { Protocol } from '../../sidecar/config/types.ts';
import { eventually, listen } from '../fakes/connections.ts';
import { pod, SERVICE } from '../fakes/pods.ts';
import type { TestSidecar } from '../fakes/sidecars.ts';

interface Application {
  readonly port: number;
  readonly server: Http2Server;
  readonly sessions: ServerHttp2Session[];
  readonly streams: ServerHttp2Stream[];
}

/** A program that speaks HTTP/2 in plain text, and nothing else. */
async function application(
  host: string,
  onStream: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void,
  settings: { maxConcurrentStreams?: number } = {},
): Promise<Application> {
  const sessions: ServerHttp2Session[] = [];
  const streams: ServerHttp2Stream[] = [];
  const server = createHttp2Server({ settings });
  server.on('session', (session) => {
    sessions.push(session);
    session.on('error', () => {});
  });
  server.on('stream', (stream, headers) => {
    streams.push(stream);
    stream.on('error', () => {});
    onStream(stream, headers);
  });
  after(() => {
    server.close();
    for (const session of sessions) session.destroy();
  });
  return { port: await listen(server, host), server, sessions, streams };
}

/** Answers with what it was asked. */
function echo(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  stream.respond({ ':status': 200, 'x-authority': String(headers[':authority']) });
  stream.write(`${headers[':method']} ${headers[':path']} `);
  stream.pipe(stream);
}

function client(sidecar: TestSidecar): ClientHttp2Session {
  const session = connectHttp2(`http://127.0.0.1:${sidecar.outbound.port}`);
  session.on('error', () => {});
  after(() => session.destroy());
  return session;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly trailers: IncomingHttpHeaders;
}

function answer(stream: ClientHttp2Stream): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let headers: IncomingHttpHeaders = {};
    let trailers: IncomingHttpHeaders = {};
    let body = '';
    stream.setEncoding('utf8');
    stream.on('response', (received) => {
      headers = received;
    });
    stream.on('trailers', (received) => {
      trailers = received;
    });
    stream.on('data', (text) => {
      body += text;
    });
    stream.on('error', reject);
    stream.on('close', () =>
      resolve({ status: Number(headers[':status']), headers, body, trailers }),
    );
  });
}

async function ask(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: string,
): Promise<Answer> {
  const stream = session.request(
    { ':authority': 'cart', ...headers },
    { endStream: body === undefined },
  );
  const answered = answer(stream);
  if (body !== undefined) stream.end(body);
  return await answered;
}

/** Two pods, `web` calling the service of `cart`. */
async function meshed(
  protocol: Protocol,
  onStream: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void = echo,
): Promise<{ web: TestSidecar; cart: TestSidecar; app: Application }> {
  const [web, cart] = [await pod('web'), await pod('cart')];
  const app = await application(cart.options.address, onStream);
  web.view.service('shop/cart', SERVICE.host, SERVICE.port, protocol, [
    cart.endpoint({ [SERVICE.port]: app.port }),
  ]);
  web.redirected = SERVICE;
  return { web, cart, app };
}

for (const protocol of ['http2', 'grpc', 'http1', 'detect'] as const) {
  describe(`HTTP/2 to a port that is declared ${protocol}`, () => {
    test('is passed on request by request, and protected between the sidecars', async () => {
      const { web, cart, app } = await meshed(protocol);
      const session = client(web);
      const answers = await Promise.all(
        [1, 2, 3].map((i) => ask(session, { ':path': `/${i}`, ':method': 'POST' }, '!')),
      );
      assert.deepEqual(
        answers.map(({ status, body }) => `${status} ${body}`),
        ['200 POST /1 !', '200 POST /2 !', '200 POST /3 !'],
      );
      assert.equal(answers[0]?.headers['x-authority'], 'cart');
      await eventually(() => web.observer.requests.length + cart.observer.requests.length === 6);
      for (const record of [web.observer.requests[0], cart.observer.requests[0]]) {
        assert.equal(record?.mutualTls, true);
        assert.equal(record?.source.workload, 'web');
        assert.equal(record?.destination.workload, 'cart');
        assert.equal(record?.status, 200);
      }
      assert.equal(cart.trunk.connections, 1);
      assert.equal(app.sessions.length, 1);
    });
  });
}
