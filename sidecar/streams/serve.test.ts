import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  type ClientHttp2Stream,
  constants,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { after, describe, test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { eventually, listen } from '../../test/fakes/connections.ts';
import { HttpHop, type HttpHopOptions } from '../../test/fakes/http-hop.ts';
import {
  answer,
  ask,
  echo,
  type Http2Application,
  http2Application,
  http2Client,
  resetCode,
} from '../../test/fakes/http2-application.ts';
import { RecordedStream, serveHttp2 } from '../../test/fakes/http2-connections.ts';
import { ERROR_CODE } from '../http2/error-code.ts';
import { headerField } from '../http2/header-field.ts';
import type { HttpTarget } from '../route/route.ts';

/** The engine on a port of its own, in front of one application. */
async function hopTo(
  onStream: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void,
  options: Partial<HttpHopOptions> = {},
): Promise<{ hop: HttpHop; app: Http2Application }> {
  const app = await http2Application('127.0.0.1', onStream);
  const hop = await new HttpHop({ endpoints: [app.port], version: 2, ...options }).start();
  after(() => hop.close());
  return { hop, app };
}

const grpc = { ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers' };

describe('a stream', () => {
  test('is one exchange, with what went over it', async () => {
    const { hop } = await hopTo(echo);
    const got = await ask(http2Client(hop.port), { ':method': 'POST', ':path': '/a' }, 'body');
    assert.equal(got.body, 'POST /a body');
    const record = await hop.record();
    assert.deepEqual(
      [record.method, record.status, record.errorCode, record.grpcStatus],
      ['POST', 200, '', undefined],
    );
    assert.ok(record.requestBytes > 'body'.length);
    assert.ok(record.responseBytes > got.body.length);
    assert.deepEqual(hop.outcomes, ['success']);
  });

  test('that is refused for its head is told why, and counted', async () => {
    const { hop } = await hopTo(echo);
    const session = http2Client(hop.port);
    const refused = await ask(session, { ':authority': 'me@cart' }).catch(() => undefined);
    const tea = await ask(session, { expect: 'tea' });
    assert.deepEqual([tea.status, tea.headers['x-remora-error']], [417, 'unsupported-expectation']);
    assert.equal((await hop.record()).errorCode, 'unsupported-expectation');
    // What the codec refuses never gets so far.
    assert.equal(refused, undefined);
  });

  test('of gRPC that is refused for its head is told so in its own terms', async () => {
    const { hop } = await hopTo(echo);
    const got = await ask(http2Client(hop.port), { ...grpc, expect: 'tea' }, 'x');
    assert.deepEqual([got.status, got.headers['grpc-status']], [200, '13']);
    assert.equal(got.headers['x-remora-error'], 'unsupported-expectation');
  });

  test('waits for the details of its destination, with the beginning of its body', async () => {
    let known: (() => void) | undefined;
    const { hop } = await hopTo(echo, {
      resolve: (_head, target: HttpTarget) => {
        if (known !== undefined) return target;
        return {
          wait: (again) => {
            known = again;
            return () => {};
          },
        };
      },
    });
    const asked = ask(http2Client(hop.port), { ':method': 'POST' }, 'x'.repeat(200_000));
    await eventually(() => known !== undefined);
    known?.();
    assert.equal((await asked).body, `POST / ${'x'.repeat(200_000)}`);
  });

  test('that is cancelled while it waits waits no more', async () => {
    let waiting = false;
    let stopped = false;
    const { hop } = await hopTo(echo, {
      resolve: () => ({
        wait: () => {
          waiting = true;
          return () => {
            stopped = true;
          };
        },
      }),
    });
    const stream = http2Client(hop.port).request({ ':authority': 'cart' });
    stream.on('error', () => {});
    await eventually(() => waiting);
    stream.close(constants.NGHTTP2_CANCEL);
    assert.equal((await hop.record()).status, 0);
    assert.equal(stopped, true);
  });
});

describe('a stream that the application refuses', () => {
  const refuseFirst = (bodies: string[]) => {
    let count = 0;
    return (stream: ServerHttp2Stream): void => {
      if (count++ === 0) {
        stream.close(constants.NGHTTP2_REFUSED_STREAM);
        return;
      }
      let body = '';
      stream.setEncoding('utf8');
      stream.on('data', (text) => {
        body += text;
      });
      stream.on('end', () => {
        bodies.push(body);
        stream.respond({ ':status': 200 });
        stream.end('taken');
      });
    };
  };

  test('is sent once more, whatever its method, and nobody is to blame', async () => {
    const bodies: string[] = [];
    const { hop } = await hopTo(refuseFirst(bodies));
    const { body } = await ask(http2Client(hop.port), { ':method': 'POST' }, 'all of it');
    assert.equal(body, 'taken');
    assert.deepEqual(bodies, ['all of it']);
    assert.deepEqual(hop.retries, ['upstream-refused']);
    assert.deepEqual(hop.outcomes, ['cancelled', 'success']);
  });

  test('is answered with 503 when it is refused again', async () => {
    const { hop } = await hopTo((stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM));
    const { status, headers } = await ask(http2Client(hop.port), {});
    assert.deepEqual([status, headers['x-remora-error']], [503, 'upstream-refused']);
  });
});

describe('the end of a response', () => {
  test('before that of its request stops the client, once all of it has left', async () => {
    const { hop } = await hopTo((stream) => {
      stream.respond({ ':status': 200 });
      stream.once('data', () => stream.end(Buffer.alloc(200_000, 'r')));
    });
    const stream = http2Client(hop.port).request({ ':authority': 'cart', ':method': 'POST' });
    stream.write('the beginning');
    const { body } = await answer(stream);
    assert.equal(body.length, 200_000);
    assert.equal(await resetCode(stream), constants.NGHTTP2_NO_ERROR);
    assert.equal((await hop.record()).status, 200);
  });

  for (const [what, code, told] of [
    ['gave up', ERROR_CODE.cancel, ERROR_CODE.cancel],
    ['is busy', ERROR_CODE.enhanceYourCalm, ERROR_CODE.enhanceYourCalm],
    ['ended in an odd way', ERROR_CODE.noError, ERROR_CODE.noError],
    ['found our hop broken', ERROR_CODE.protocolError, ERROR_CODE.internalError],
  ] as const) {
    test(`is a reset when the application ${what} in the middle`, async () => {
      const server = serveHttp2(() => ({
        onStream: (stream) => {
          stream.sendHeaders([headerField(':status', '200')], false);
          stream.sendData(Buffer.from('half'), false);
          setImmediate(() => stream.reset(code));
          return new RecordedStream();
        },
        onClose: () => {},
      }));
      const port = await listen(server);
      after(() => server.close());
      const hop = await new HttpHop({ endpoints: [port], version: 2 }).start();
      after(() => hop.close());
      const stream = http2Client(hop.port).request({ ':authority': 'cart' });
      stream.on('error', () => {});
      stream.resume();
      assert.equal(await resetCode(stream), told);
      const { status, errorCode } = await hop.record();
      assert.deepEqual([status, errorCode], [200, 'upstream-reset']);
      assert.deepEqual(hop.outcomes, [code === ERROR_CODE.noError ? 'success' : 'gateway-error']);
    });
  }
});

test('a stream on which nothing moves is ended, and no other of its connection', async () => {
  const clock = new ManualClock();
  let served: ServerHttp2Stream | undefined;
  const { hop } = await hopTo(
    (stream, headers) => {
      stream.respond({ ':status': 200 });
      if (headers[':path'] === '/busy') served = stream;
    },
    { clock, policy: { idleTimeoutMs: 100 } },
  );
  const session = http2Client(hop.port);
  const [quiet, busy] = ['/quiet', '/busy'].map((path) =>
    session.request({ ':authority': 'cart', ':path': path }),
  ) as [ClientHttp2Stream, ClientHttp2Stream];
  quiet.on('error', () => {});
  await Promise.all([once(quiet, 'response'), once(busy, 'response')]);
  clock.advance(60);
  served?.write('still here');
  assert.equal(String((await once(busy, 'data'))[0]), 'still here');
  clock.advance(60);
  assert.equal(await resetCode(quiet), constants.NGHTTP2_INTERNAL_ERROR);
  assert.equal((await hop.record()).errorCode, 'idle-timeout');
  served?.end();
  await once(busy, 'end');
});

describe('a connection without requests', () => {
  const open = async (hop: HttpHop): Promise<ClientHttp2Stream> => {
    const stream = http2Client(hop.port).request({ ':authority': 'cart' });
    stream.on('error', () => {});
    await eventually(() => hop.connections.length > 0);
    return stream;
  };

  test('is closed after an hour, and not while there is one', async () => {
    const clock = new ManualClock();
    const { hop, app } = await hopTo(
      (stream) => {
        stream.respond({ ':status': 200 });
      },
      { clock, policy: { idleTimeoutMs: 0 } },
    );
    const stream = await open(hop);
    await once(stream, 'response');
    const { session } = stream;
    const hour = 3_600_000;
    clock.advance(2 * hour);
    assert.equal(stream.closed, false);
    app.streams[0]?.end('done');
    await answer(stream);
    clock.advance(hour / 2);
    assert.equal(session?.closed, false);
    const goaway = once(session as NonNullable<typeof session>, 'goaway');
    // Not further: a moment later the connection would be cut, with what it has to say.
    clock.advance(hour / 2);
    await goaway;
  });

  test('is closed at once when it is drained', async () => {
    const { hop } = await hopTo(echo);
    const session = http2Client(hop.port);
    await ask(session, {});
    const closed = once(session, 'close');
    hop.connections[0]?.drain();
    await closed;
  });
});
