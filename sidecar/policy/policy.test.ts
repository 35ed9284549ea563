import assert from 'node:assert/strict';
import { createServer as createHttpServer } from 'node:http';
import type { Server } from 'node:net';
import { after, describe, test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { eventually, listen } from '../../test/fakes/connections.ts';
import {
  HttpHop,
  type HttpHopOptions,
  RawClient,
  RawOrigin,
  roundTrip,
} from '../../test/fakes/http-hop.ts';
import type { Retries } from '../config/types.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const UNAVAILABLE = 'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy';

/** Requests that came, over all connections: the answer to the n-th (from 0) is up to the caller. */
async function application(
  answer: (index: number, socket: RawOrigin['sockets'][number]) => string | undefined,
): Promise<RawOrigin> {
  let index = 0;
  const made = await new RawOrigin((socket, received) => {
    if (!/\r\n\r\n(?:body)?$/.test(received)) return;
    const text = answer(index++, socket);
    if (text !== undefined) socket.write(text);
  }).start();
  after(() => made.close());
  return made;
}

async function hopTo(
  endpoints: HttpHopOptions['endpoints'],
  options: Partial<HttpHopOptions> = {},
): Promise<HttpHop> {
  const hop = await new HttpHop({ endpoints, ...options }).start();
  after(() => hop.close());
  return hop;
}

/** A port on which nobody listens. */
async function deadPort(): Promise<number> {
  const server = createHttpServer() as unknown as Server;
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const retries = (own: Partial<Retries> = {}): { retries: Retries } => ({
  retries: {
    attempts: 2,
    statusCodes: new Set([503]),
    connectFailure: true,
    backoffBaseMs: 1,
    backoffMaxMs: 2,
    budgetPercent: 20,
    budgetMinPerSecond: 10,
    ...own,
  },
});

const get = 'GET / HTTP/1.1\r\nHost: cart\r\nConnection: close\r\n\r\n';
const post = 'POST / HTTP/1.1\r\nHost: cart\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody';

/** Turns the hands until the condition holds; real sockets work in between. */
async function turn(clock: ManualClock, stepMs: number, holds: () => boolean): Promise<void> {
  await eventually(() => {
    clock.advance(stepMs);
    return holds();
  }, 'the effect of time');
}

describe('retries', () => {
  test('none happen by default', async () => {
    const app = await application(() => UNAVAILABLE);
    const hop = await hopTo([app.port]);
    assert.match(await roundTrip(hop.port, get), /^HTTP\/1.1 503 .*busy$/s);
    assert.deepEqual(hop.retries, []);
  });

  test('a status in the list is retried until it is another', async () => {
    const app = await application((index) => (index < 2 ? UNAVAILABLE : OK));
    const hop = await hopTo([app.port], { policy: retries() });
    assert.match(await roundTrip(hop.port, post), /^HTTP\/1.1 200 .*ok$/s);
    assert.deepEqual(hop.retries, ['503', '503']);
    assert.deepEqual(hop.outcomes, ['gateway-error', 'gateway-error', 'success']);
    assert.equal(hop.records.length, 1);
    // What was thrown away was at hand, so that one connection did for all.
    assert.equal(app.received.length, 1);
    assert.equal(app.received[0]?.split('body').length, 4);
  });

  test('the last answer is passed on when the attempts are used up', async () => {
    const app = await application(() => UNAVAILABLE);
    const hop = await hopTo([app.port], { policy: retries() });
    assert.match(await roundTrip(hop.port, get), /^HTTP\/1.1 503 .*busy$/s);
    assert.deepEqual(hop.retries, ['503', '503']);
    assert.equal(hop.outcomes.length, 3);
  });

  test('a status that is not in the list is passed on', async () => {
    const app = await application(() => 'HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n');
    const hop = await hopTo([app.port], { policy: retries() });
    assert.match(await roundTrip(hop.port, get), /^HTTP\/1.1 500 /);
    assert.deepEqual(hop.retries, []);
  });

  test('another endpoint is taken when the first cannot be reached', async () => {
    const app = await application(() => OK);
    const dead = { address: '127.0.0.2', port: await deadPort() };
    const hop = await hopTo([dead, app.port], { policy: retries() });
    for (let i = 0; i < 5; i++) assert.match(await roundTrip(hop.port, post), /^HTTP\/1.1 200 /);
    assert.ok(hop.retries.length > 0);
  });

  test('a connection that cannot be made is 503 without retries', async () => {
    const hop = await hopTo([await deadPort()]);
    assert.match(
      await roundTrip(hop.port, get),
      /^HTTP\/1.1 503 .*x-remora-error: connect-failed/s,
    );
    assert.equal((await hop.record()).errorCode, 'connect-failed');
    assert.deepEqual(hop.outcomes, []);
  });

  test('without endpoints nothing is retried', async () => {
    const hop = await hopTo([], { policy: retries() });
    assert.match(await roundTrip(hop.port, get), /^HTTP\/1.1 503 .*x-remora-error: no-endpoints/s);
    assert.deepEqual(hop.retries, []);
  });

  test('a reset before the response is retried for GET, and not for POST', async () => {
    const app = await application((_index, socket) => {
      socket.resetAndDestroy();
      return undefined;
    });
    const hop = await hopTo([app.port], { policy: retries() });
    assert.match(
      await roundTrip(hop.port, get),
      /^HTTP\/1.1 502 .*x-remora-error: upstream-reset/s,
    );
    assert.deepEqual(hop.retries, ['upstream-reset', 'upstream-reset']);
    hop.retries.length = 0;
    assert.match(await roundTrip(hop.port, post), /^HTTP\/1.1 502 /);
    assert.deepEqual(hop.retries, []);
  });

  test('POST is retried after a reset when 502 is in the list', async () => {
    const app = await application((index, socket) => {
      if (index > 0) return OK;
      socket.resetAndDestroy();
      return undefined;
    });
    const hop = await hopTo([app.port], { policy: retries({ statusCodes: new Set([502]) }) });
    assert.match(await roundTrip(hop.port, post), /^HTTP\/1.1 200 /);
  });

  test('a body beyond the limit is not kept, and the answer stands', async () => {
    let received = 0;
    let finished = 0;
    const server = createHttpServer((req, res) => {
      received = 0;
      req.on('data', (bytes) => {
        received += bytes.length;
      });
      req.on('end', () => {
        finished++;
        res.writeHead(503).end();
      });
    });
    const port = await listen(server as unknown as Server);
    after(() => {
      server.close();
      server.closeAllConnections();
    });
    const hop = await hopTo([port], { policy: retries() });
    const sizes = [
      { first: 70_000, rest: 0, attempts: 1 },
      { first: 40_000, rest: 30_000, attempts: 1 },
      { first: 40_000, rest: 20_000, attempts: 3 },
    ];
    for (const { first, rest, attempts } of sizes) {
      finished = 0;
      const client = await RawClient.connect(hop.port);
      after(() => client.close());
      const length = first + rest;
      client.send(
        `PUT / HTTP/1.1\r\nHost: cart\r\nConnection: close\r\nContent-Length: ${length}\r\n\r\n`,
      );
      client.send('x'.repeat(first));
      if (rest > 0) {
        await eventually(() => received === first, 'the first part');
        client.send('x'.repeat(rest));
      }
      assert.match(await client.toEnd(), /^HTTP\/1.1 503 /);
      assert.equal(finished, attempts, `${first} and ${rest} bytes`);
    }
  });

  test('nothing is retried once a response has begun', async () => {
    const app = await application((_index, socket) => {
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf');
      return undefined;
    });
    const hop = await hopTo([app.port], { policy: retries() });
    await roundTrip(hop.port, get);
    assert.equal((await hop.record()).errorCode, 'upstream-reset');
    assert.deepEqual(hop.retries, []);
  });

  test('the budget bounds them over all requests', async () => {
    const app = await application(() => UNAVAILABLE);
    const hop = await hopTo([app.port], {
      clock: new ManualClock(),
      policy: retries({ attempts: 1, budgetPercent: 10, budgetMinPerSecond: 0, backoffBaseMs: 0 }),
    });
    const client = await RawClient.connect(hop.port);
    after(() => client.close());
    for (let i = 1; i <= 9; i++) {
      client.send('GET / HTTP/1.1\r\nHost: cart\r\n\r\n');
      await eventually(() => client.received.split('busy').length === i + 1, `answer ${i}`);
    }
    assert.deepEqual(hop.retries, []);
    client.send('GET / HTTP/1.1\r\nHost: cart\r\n\r\n');
    await eventually(() => hop.retries.length === 1, 'the retry that ten requests earn');
  });
});

describe('an endpoint that cannot be reached', () => {
  /** Two dead pods and a living one. */
  async function mostlyDead(options: Partial<HttpHopOptions> = {}): Promise<HttpHop> {
    const app = await application(() => OK);
    const dead = ['127.0.0.2', '127.0.0.3'].map(async (address) => ({
      address,
      port: await deadPort(),
    }));
    return await hopTo([...(await Promise.all(dead)), app.port], options);
  }

  for (const [name, text] of Object.entries({ GET: get, POST: post })) {
    test(`costs a ${name} nothing by default: others are tried`, async () => {
      const hop = await mostlyDead();
      for (let i = 0; i < 4; i++) {
        assert.match(await roundTrip(hop.port, text), /^HTTP\/1.1 200 /);
      }
      assert.deepEqual(hop.retries.slice(0, 2), ['connect-failed', 'connect-failed']);
    });
  }

  test('is told apart from another at the same address', async () => {
    const app = await application(() => OK);
    const hop = await hopTo([await deadPort(), app.port]);
    for (let i = 0; i < 4; i++) assert.match(await roundTrip(hop.port, post), /^HTTP\/1.1 200 /);
    assert.ok(hop.retries.length > 0);
  });

  test('takes nothing from the budget of retries', async () => {
    const policy = retries({ attempts: 1, budgetPercent: 0, budgetMinPerSecond: 0 });
    const hop = await mostlyDead({ policy });
    assert.match(await roundTrip(hop.port, post), /^HTTP\/1.1 200 /);
  });

  test('is not asked twice when there is no other', async () => {
    const hop = await hopTo([await deadPort()]);
    assert.match(await roundTrip(hop.port, get), /^HTTP\/1.1 503 /);
    assert.deepEqual(hop.retries, []);
  });

  test('is three endpoints at most', async () => {
    const addresses = ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5'];
    const port = await deadPort();
    const hop = await hopTo(addresses.map((address) => ({ address, port })));
    assert.match(await roundTrip(hop.port, get), /^HTTP\/1.1 503 /);
    assert.deepEqual(hop.retries, ['connect-failed', 'connect-failed']);
  });

  for (const [name, own] of Object.entries({
    'turns retries off': { attempts: 0 },
    'excepts connecting': { connectFailure: false },
  })) {
    test(`stays the only one where the policy ${name}`, async () => {
      const hop = await mostlyDead({ policy: retries({ statusCodes: new Set(), ...own }) });
      assert.match(await roundTrip(hop.port, get), /^HTTP\/1.1 503 /);
      assert.deepEqual(hop.retries, []);
    });
  }
});

describe('a stale connection', () => {
  /** Keeps the first connection, and resets it when a second request comes over it. */
  async function stale(): Promise<{ app: RawOrigin; hop: HttpHop; client: RawClient }> {
    const app = await new RawOrigin((socket, received, index) => {
      if (!/\r\n\r\n(?:body)?$/.test(received)) return;
      if (index === 0 && received.split('HTTP/1.1').length > 2) socket.resetAndDestroy();
      else socket.write(OK);
    }).start();
    after(() => app.close());
    const hop = await hopTo([app.port]);
    const client = await RawClient.connect(hop.port);
    after(() => client.close());
    client.send('GET / HTTP/1.1\r\nHost: cart\r\n\r\n');
    await client.until('ok');
    return { app, hop, client };
  }

  test('is replayed once for an idempotent request, also without a policy', async () => {
    const { app, hop, client } = await stale();
    client.send(get);
    assert.match(await client.toEnd(), /ok.*HTTP\/1.1 200.*ok$/s);
    assert.deepEqual(hop.retries, ['upstream-reset']);
    assert.equal(app.received.length, 2);
    assert.deepEqual(hop.outcomes, ['success', 'gateway-error', 'success']);
  });

  test('is an error for a request that may not be sent twice', async () => {
    const { hop, client } = await stale();
    client.send(post);
    assert.match(await client.toEnd(), /HTTP\/1.1 502 .*x-remora-error: upstream-reset/s);
    assert.deepEqual(hop.retries, []);
  });

  test('is replayed only once, even onto another stale one', async () => {
    const waiting: RawOrigin['sockets'][number][] = [];
    const app = await new RawOrigin((socket, received) => {
      if (received.split('HTTP/1.1').length > 2) socket.resetAndDestroy();
      else waiting.push(socket);
    }).start();
    after(() => app.close());
    const hop = await hopTo([app.port]);
    const clients = [await RawClient.connect(hop.port), await RawClient.connect(hop.port)];
    after(() => {
      for (const client of clients) client.close();
    });
    // Two at the same time, so that two connections are kept.
    for (const client of clients) client.send('GET / HTTP/1.1\r\nHost: cart\r\n\r\n');
    await eventually(() => waiting.length === 2, 'two requests');
    for (const socket of waiting) socket.write(OK);
    for (const client of clients) await client.until('ok');
    assert.match(await roundTrip(hop.port, get), /^HTTP\/1.1 502 /);
    assert.equal(hop.retries.length, 1);
  });
});

describe('timeouts', () => {
  test('a request that takes too long is 504, over all its attempts', async () => {
    const clock = new ManualClock();
    const app = await application(() => undefined);
    const hop = await hopTo([app.port], { clock, policy: { requestTimeoutMs: 500, ...retries() } });
    const client = await RawClient.connect(hop.port);
    after(() => client.close());
    client.send(get);
    await eventually(() => app.received[0]?.endsWith('\r\n\r\n') === true, 'the request');
    clock.advance(499);
    assert.equal(hop.records.length, 0);
    clock.advance(1);
    assert.match(
      await client.toEnd(),
      /^HTTP\/1.1 504 .*x-remora-error: request-timeout.*500 ms\n$/s,
    );
    assert.deepEqual(hop.outcomes, ['gateway-error']);
    assert.equal((await hop.record()).durationMs, 500);
  });

  test('a response that began and takes too long is cut', async () => {
    const clock = new ManualClock();
    const app = await application(() => 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf');
    const hop = await hopTo([app.port], { clock, policy: { requestTimeoutMs: 500 } });
    const client = await RawClient.connect(hop.port);
    after(() => client.close());
    client.send(get);
    await client.until('half');
    clock.advance(500);
    await eventually(() => client.closed, 'the cut');
    const { status, errorCode } = await hop.record();
    assert.deepEqual({ status, errorCode }, { status: 200, errorCode: 'request-timeout' });
  });

  test('an attempt that takes too long is given up for another', async () => {
    const clock = new ManualClock();
    const app = await application((index) => (index === 0 ? undefined : OK));
    const hop = await hopTo([app.port], { clock, policy: { perTryTimeoutMs: 200, ...retries() } });
    const client = await RawClient.connect(hop.port);
    after(() => client.close());
    client.send(get);
    await eventually(() => app.received[0]?.endsWith('\r\n\r\n') === true, 'the request');
    await turn(clock, 100, () => client.received.includes('ok'));
    assert.deepEqual(hop.retries, ['attempt-timeout']);
    assert.deepEqual(hop.outcomes, ['gateway-error', 'success']);
  });

  test('without a retry the attempt timeout is the answer', async () => {
    const clock = new ManualClock();
    const app = await application(() => undefined);
    const hop = await hopTo([app.port], { clock, policy: { perTryTimeoutMs: 200 } });
    const client = await RawClient.connect(hop.port);
    after(() => client.close());
    client.send(get);
    await eventually(() => app.received[0]?.endsWith('\r\n\r\n') === true, 'the request');
    clock.advance(200);
    assert.match(await client.toEnd(), /^HTTP\/1.1 504 .*x-remora-error: attempt-timeout/s);
  });

  test('the attempt timeout ends with the head of the response', async () => {
    const clock = new ManualClock();
    const app = await application(() => 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n');
    const hop = await hopTo([app.port], { clock, policy: { perTryTimeoutMs: 200 } });
    const client = await RawClient.connect(hop.port);
    after(() => client.close());
    client.send(get);
    await client.until('\r\n\r\n');
    clock.advance(1_000);
    app.sockets[0]?.write('slow');
    assert.match(await client.toEnd(), /slow$/);
  });

  test('an exchange in which nothing moves is given up', async () => {
    const clock = new ManualClock();
    const app = await application(() => undefined);
    const hop = await hopTo([app.port], { clock, policy: { idleTimeoutMs: 1_000 } });
    const client = await RawClient.connect(hop.port);
    after(() => client.close());
    client.send(get);
    await eventually(() => app.received[0]?.endsWith('\r\n\r\n') === true, 'the request');
    await turn(clock, 500, () => hop.records.length === 1);
    assert.match(await client.toEnd(), /^HTTP\/1.1 504 .*x-remora-error: idle-timeout/s);
  });

  test('an exchange in which something moves is not', async () => {
    const clock = new ManualClock();
    const app = await application(() => 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
    const hop = await hopTo([app.port], { clock, policy: { idleTimeoutMs: 1_000 } });
    const client = await RawClient.connect(hop.port);
    after(() => client.close());
    client.send(get);
    await client.until('\r\n\r\n');
    for (let i = 0; i < 5; i++) {
      clock.advance(900);
      app.sockets[0]?.write(`1\r\n${i}\r\n`);
      await client.until(`1\r\n${i}\r\n`);
    }
    app.sockets[0]?.write('0\r\n\r\n');
    assert.match(await client.toEnd(), /0\r\n\r\n$/);
  });

  test('a head that does not come is 408', async () => {
    const clock = new ManualClock();
    const hop = await hopTo([1], { clock });
    const client = await RawClient.connect(hop.port);
    after(() => client.close());
    client.send('GET / HTTP/1.1\r\nHost');
    await turn(clock, 10_000, () => hop.records.length === 1);
    assert.match(await client.toEnd(), /^HTTP\/1.1 408 .*x-remora-error: head-timeout/s);
  });

  test('an idle connection is closed in the end', async () => {
    const clock = new ManualClock();
    const hop = await hopTo([1], { clock });
    const client = await RawClient.connect(hop.port);
    after(() => client.close());
    await eventually(() => hop.connections.length === 1, 'the connection');
    clock.advance(3_600_000);
    await client.toEnd();
    assert.equal(client.received, '');
  });
});

test('a refused request that nobody reads is not a way to hold a connection', async () => {
  const clock = new ManualClock();
  const hop = await hopTo([1], { clock });
  const client = await RawClient.connect(hop.port);
  after(() => client.close());
  client.send('broken\r\n\r\n');
  await client.toEnd();
  await turn(clock, 500, () => {
    client.send('more of it');
    return client.closed;
  });
});
