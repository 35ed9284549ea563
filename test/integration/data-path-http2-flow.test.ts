import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { constants } from 'node:http2';
import { describe, test } from 'node:test';
import { eventually } from '../fakes/connections.ts';
import { answer, ask, echo, http2Client } from '../fakes/http2-application.ts';
import { meshed, twoCarts } from '../fakes/http2-mesh.ts';

describe('large bodies', () => {
  const SIZE = 32 * 1024 * 1024;

  test('come whole, both ways', async () => {
    const { web } = await meshed('http2', (stream) => {
      stream.respond({ ':status': 200 });
      stream.pipe(stream);
    });
    const stream = http2Client(web.outbound.port).request({
      ':authority': 'cart',
      ':method': 'POST',
    });
    const sent = createHash('sha256');
    const received = createHash('sha256');
    let bytes = 0;
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      received.update(chunk);
    });
    for (let i = 0; i < SIZE; i += 65_536) {
      const chunk = Buffer.alloc(65_536, i / 65_536);
      sent.update(chunk);
      if (!stream.write(chunk)) await once(stream, 'drain');
    }
    stream.end();
    await once(stream, 'end');
    assert.equal(bytes, SIZE);
    assert.equal(received.digest('hex'), sent.digest('hex'));
  });

  test('of a client that does not read stop at the application, and hold up no other stream', async () => {
    let written = 0;
    const { web } = await meshed('http2', (stream, headers) => {
      if (headers[':path'] !== '/large') {
        echo(stream, headers);
        return;
      }
      stream.resume();
      stream.respond({ ':status': 200 });
      const chunk = Buffer.alloc(65_536);
      const more = (): void => {
        while (written < SIZE) {
          written += chunk.length;
          if (!stream.write(chunk)) {
            stream.once('drain', more);
            return;
          }
        }
        stream.end();
      };
      more();
    });
    const session = http2Client(web.outbound.port);
    const stalled = session.request({ ':authority': 'cart', ':path': '/large' });
    await once(stalled, 'response');
    let before = -1;
    await eventually(() => {
      const still = written === before;
      before = written;
      return still && written > 0;
    });
    for (let i = 0; i < 20; i++) {
      assert.equal((await ask(session, { ':path': '/small' })).body, 'GET /small ');
    }
    assert.ok(written < SIZE / 4, `${written} bytes were taken from the application`);
    let bytes = 0;
    stalled.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    await once(stalled, 'end');
    assert.equal(bytes, SIZE);
  });

  test('of many clients that do not read hold up nobody else at the same endpoint', async () => {
    const { web, app } = await meshed('http2', (stream, headers) => {
      if (headers[':path'] !== '/large') {
        echo(stream, headers);
        return;
      }
      stream.resume();
      stream.respond({ ':status': 200 });
      stream.end(Buffer.alloc(640 * 1024));
    });
    const [stalled, other] = [http2Client(web.outbound.port), http2Client(web.outbound.port)];
    const streams = Array.from({ length: 12 }, () =>
      stalled.request({ ':authority': 'cart', ':path': '/large' }),
    );
    await Promise.all(streams.map((stream) => once(stream, 'response')));
    for (let i = 0; i < 20; i++) {
      for (const session of [stalled, other]) {
        assert.equal((await ask(session, { ':path': '/small' })).body, 'GET /small ');
      }
    }
    assert.equal(app.sessions.length, 1);
    for (const stream of streams) {
      const { body } = await answer(stream);
      assert.equal(body.length, 640 * 1024);
    }
  });

  test('of an application that does not read stop at the client', async () => {
    const { web, app } = await meshed('http2', (stream) => stream.respond({ ':status': 200 }));
    const stream = http2Client(web.outbound.port).request({
      ':authority': 'cart',
      ':method': 'POST',
    });
    await once(stream, 'response');
    let written = 0;
    const chunk = Buffer.alloc(65_536);
    const more = (): void => {
      while (written < SIZE) {
        written += chunk.length;
        if (!stream.write(chunk)) {
          stream.once('drain', more);
          return;
        }
      }
      stream.end();
    };
    more();
    let before = -1;
    await eventually(() => {
      const still = written === before;
      before = written;
      return still;
    });
    assert.ok(written < SIZE / 4, `${written} bytes were taken from the client`);
    let bytes = 0;
    const [reader] = app.streams;
    reader?.on('data', (received: Buffer) => {
      bytes += received.length;
    });
    reader?.on('end', () => reader.end('all'));
    assert.equal((await answer(stream)).body, 'all');
    assert.equal(bytes, SIZE);
  });
});

describe('a sidecar that stops', () => {
  test('finishes the streams that are open, and takes those that are on their way', async () => {
    let answerNow: (() => void) | undefined;
    const { cart, app } = await meshed('http2', (stream) => {
      stream.respond({ ':status': 200 });
      answerNow = () => stream.end('whole');
    });
    cart.redirected = { host: cart.options.address, port: app.port };
    const session = http2Client(cart.inbound.port, cart.options.address);
    const asked = ask(session, {});
    await eventually(() => answerNow !== undefined);
    const goaway = once(session, 'goaway');
    const stopped = cart.inbound.stop(AbortSignal.timeout(10_000));
    await goaway;
    answerNow?.();
    assert.equal((await asked).body, 'whole');
    await stopped;
  });

  test('costs its callers no request', async () => {
    const { web, carts } = await twoCarts([echo, echo]);
    const session = http2Client(web.outbound.port);
    const call = async (): Promise<Set<number>> => {
      const one = () => ask(session, { ':method': 'POST' }, 'x');
      const answers = await Promise.all(Array.from({ length: 20 }, one));
      return new Set(answers.map(({ status }) => status));
    };
    assert.deepEqual(await call(), new Set([200]));
    const stopped = carts[0]?.cart.trunk.stop(AbortSignal.timeout(10_000));
    for (let i = 0; i < 5; i++) assert.deepEqual(await call(), new Set([200]));
    await stopped;
    for (let i = 0; i < 5; i++) assert.deepEqual(await call(), new Set([200]));
  });

  test('costs no request when it was only the program that died', async () => {
    const { web, carts } = await twoCarts([echo, echo]);
    const session = http2Client(web.outbound.port);
    for (let i = 0; i < 20; i++) await ask(session, {});
    carts[0]?.app.server.close();
    for (const dead of carts[0]?.app.sessions ?? []) dead.destroy();
    for (let i = 0; i < 20; i++) {
      assert.equal((await ask(session, { ':method': 'POST' }, 'x')).status, 200);
    }
  });
});

describe('a server that has had enough of a connection', () => {
  /** It answers three requests on each. */
  const tired = () => {
    const calls = new Map<unknown, number>();
    return meshed('http2', (stream, headers) => {
      const before = calls.get(stream.session) ?? 0;
      calls.set(stream.session, before + 1);
      if (before < 3) echo(stream, headers);
      else stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    });
  };

  test('is given another one, and the requests that may be sent again', async () => {
    const { web, app } = await tired();
    const session = http2Client(web.outbound.port);
    for (let i = 0; i < 10; i++) assert.equal((await ask(session, {})).status, 200);
    assert.ok(app.sessions.length > 1, 'one connection for all');
  });

  test('costs a request that may not be sent again, and only one a connection', async () => {
    const { web } = await tired();
    const session = http2Client(web.outbound.port);
    const statuses: (number | undefined)[] = [];
    for (let i = 0; i < 8; i++) {
      statuses.push((await ask(session, { ':method': 'POST' }, 'x')).status);
    }
    assert.deepEqual(statuses, [200, 200, 200, 502, 200, 200, 200, 502]);
  });
});
