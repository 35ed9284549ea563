import assert from 'node:assert/strict';
import type { ServerHttp2Stream } from 'node:http2';
import { after, describe, test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { eventually } from '../../test/fakes/connections.ts';
import { HttpHop, RawClient, RawOrigin, roundTrip } from '../../test/fakes/http-hop.ts';
import { ask, http2Application, http2Client } from '../../test/fakes/http2-application.ts';
import type { Hedging, Policy, Retries } from '../config/types.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const FIRST = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst';
const UNAVAILABLE = 'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy';
const get = 'GET / HTTP/1.1\r\nHost: cart\r\nConnection: close\r\n\r\n';
const post = 'POST / HTTP/1.1\r\nHost: cart\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody';
/** So many are needed before anything is known of the service. */
const KNOWN = 20;

type Socket = RawOrigin['sockets'][number];

interface Bed {
  readonly clock: ManualClock;
  readonly hop: HttpHop;
  /** The requests that came since it was known how long they take, in the order in which they came. */
  readonly came: { readonly app: number; readonly socket: Socket; readonly text: string }[];
  /** Answers the n-th of these. */
  readonly answer: (index: number, text: string) => void;
}

const policyOf = (own: Partial<Hedging>, more: Partial<Policy>): Partial<Policy> => ({
  hedging: {
    ...{ percentile: 95, minDelayMs: 10, methods: new Set(['GET']) },
    ...{ budgetPercent: 10, budgetMinPerSecond: 0, ...own },
  },
  ...more,
});

/** Applications that answer at once for as long as it takes to know them, and then by hand. */
async function bed(
  own: Partial<Hedging> = {},
  more: Partial<Policy> = {},
  { apps = 2, requests = KNOWN } = {},
): Promise<Bed> {
  const clock = new ManualClock();
  const came: { app: number; socket: Socket; text: string }[] = [];
  let known = 0;
  const ports: number[] = [];
  for (let app = 0; app < apps; app++) {
    const seen = new Map<Socket, number>();
    const origin = await new RawOrigin((socket, all) => {
      const text = all.slice(seen.get(socket) ?? 0);
      if (!/\r\n\r\n(?:body)?$/.test(text)) return;
      seen.set(socket, all.length);
      if (known++ < requests) socket.write(OK);
      else came.push({ app, socket, text });
    }).start();
    after(() => origin.close());
    ports.push(origin.port);
  }
  const hop = await new HttpHop({ endpoints: ports, clock, policy: policyOf(own, more) }).start();
  after(() => hop.close());
  for (let i = 0; i < requests; i++) await roundTrip(hop.port, get);
  hop.outcomes.length = 0;
  return { clock, hop, came, answer: (index, text) => came[index]?.socket.write(text) };
}

/** Sends a request and waits until an application has it. */
async function begin({ hop, came }: Bed, text: string): Promise<RawClient> {
  const before = came.length;
  const client = await RawClient.connect(hop.port);
  after(() => client.close());
  client.send(text);
  await eventually(() => came.length > before, 'the request at an application');
  return client;
}

/** The same, until a second one has it too. */
async function beginHedged(at: Bed, text: string): Promise<RawClient> {
  const client = await begin(at, text);
  const before = at.came.length;
  at.clock.advance(10);
  await eventually(() => at.came.length > before, 'the request at another application');
  return client;
}

function isOver(one: { readonly socket: Socket } | undefined): boolean {
  return one !== undefined && (one.socket.destroyed || one.socket.readableEnded);
}

const retries: Retries = {
  ...{ attempts: 1, statusCodes: new Set([503]), connectFailure: true },
  ...{ backoffBaseMs: 1, backoffMaxMs: 1, budgetPercent: 100, budgetMinPerSecond: 10 },
};

describe('a request that has no response in time', () => {
  test('goes to another endpoint too, whose answer is taken; the first one is given up', async () => {
    const at = await bed();
    const client = await beginHedged(at, get);
    assert.notEqual(at.came[0]?.app, at.came[1]?.app);
    at.answer(1, OK);
    assert.match(await client.toEnd(), /200 .*ok$/s);
    assert.deepEqual(at.hop.hedges, ['won']);
    assert.deepEqual(at.hop.outcomes, ['outrun', 'success']);
    await eventually(() => isOver(at.came[0]), 'the end of the first');
    assert.equal(at.hop.records.length, KNOWN + 1);
    assert.deepEqual(at.hop.retries, []);
  });

  test('is answered by the first endpoint where that is faster after all', async () => {
    const at = await bed();
    const client = await beginHedged(at, get);
    at.answer(0, FIRST);
    assert.match(await client.toEnd(), /first$/);
    assert.deepEqual(at.hop.hedges, ['lost']);
    assert.deepEqual(at.hop.outcomes.toSorted(), ['cancelled', 'success']);
  });

  test('is not sent twice before the delay, nor when its response has begun', async () => {
    const at = await bed();
    const client = await begin(at, get);
    at.clock.advance(9);
    at.answer(0, 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n');
    await client.until('200 OK');
    at.clock.advance(1_000);
    at.answer(0, 'ok');
    assert.match(await client.toEnd(), /ok$/);
    assert.equal(at.came.length, 1);
    assert.deepEqual(at.hop.hedges, []);
  });

  test('is sent twice once at most, whatever becomes of it', async () => {
    const at = await bed({}, { retries }, { apps: 4 });
    const client = await beginHedged(at, get);
    at.clock.advance(1_000);
    at.answer(0, UNAVAILABLE);
    at.answer(1, UNAVAILABLE);
    await eventually(() => {
      at.clock.advance(1);
      return at.came.length === 3;
    }, 'the retry');
    at.clock.advance(1_000);
    at.answer(2, OK);
    assert.match(await client.toEnd(), /ok$/);
    assert.deepEqual([at.came.length, at.hop.hedges], [3, ['failed']]);
    assert.equal(new Set(at.came.map(({ app }) => app)).size, 3);
  });

  test('is not sent twice while too little is known of the service', async () => {
    const at = await bed({}, {}, { requests: KNOWN - 1 });
    const client = await begin(at, get);
    at.clock.advance(1_000);
    at.answer(0, OK);
    assert.match(await client.toEnd(), /ok$/);
    assert.deepEqual([at.came.length, at.hop.hedges], [1, []]);
  });

  test('is not sent twice where there is but one endpoint', async () => {
    const at = await bed({}, {}, { apps: 1 });
    const client = await begin(at, get);
    at.clock.advance(1_000);
    at.answer(0, OK);
    assert.match(await client.toEnd(), /ok$/);
    assert.deepEqual([at.came.length, at.hop.hedges], [1, []]);
  });

  test('is not sent twice where the budget is used up', async () => {
    // A tenth of twenty, and of the three themselves.
    const at = await bed();
    for (let i = 0; i < 2; i++) {
      const client = await beginHedged(at, get);
      at.answer(at.came.length - 1, OK);
      await client.toEnd();
    }
    const client = await begin(at, get);
    at.clock.advance(1_000);
    at.answer(at.came.length - 1, OK);
    assert.match(await client.toEnd(), /ok$/);
    assert.deepEqual([at.came.length, at.hop.hedges], [5, ['won', 'won', 'over-budget']]);
  });
});

describe('a body', () => {
  test('goes to both, where the policy names the method', async () => {
    const at = await bed({ methods: new Set(['GET', 'POST']) });
    const client = await beginHedged(at, post);
    assert.ok(at.came.every(({ text }) => text.endsWith('\r\n\r\nbody')));
    at.answer(1, OK);
    assert.match(await client.toEnd(), /ok$/);
  });

  test('that is not whole goes to one alone', async () => {
    const at = await bed({ methods: new Set(['GET', 'POST']) });
    const client = await begin(at, post.slice(0, -4));
    at.clock.advance(1_000);
    client.send('body');
    at.answer(0, OK);
    assert.match(await client.toEnd(), /ok$/);
    assert.deepEqual([at.came.length, at.hop.hedges], [1, []]);
  });

  test('of another method goes to one alone', async () => {
    const at = await bed();
    const client = await begin(at, post);
    at.clock.advance(1_000);
    at.answer(0, OK);
    assert.match(await client.toEnd(), /ok$/);
    assert.deepEqual([at.came.length, at.hop.hedges], [1, []]);
  });
});

describe('of two tries that are under way', () => {
  test('the second may fail without harm', async () => {
    const at = await bed();
    const client = await beginHedged(at, get);
    at.answer(1, UNAVAILABLE);
    await eventually(() => at.hop.hedges.length > 0, 'the failure');
    at.answer(0, FIRST);
    assert.match(await client.toEnd(), /first$/);
    assert.deepEqual(at.hop.hedges, ['failed']);
    assert.deepEqual(at.hop.outcomes, ['gateway-error', 'success']);
  });

  for (const { how, end } of [
    { how: 'answer with an error', end: (socket: Socket) => socket.write(UNAVAILABLE) },
    { how: 'break off', end: (socket: Socket) => socket.resetAndDestroy() },
  ]) {
    test(`the first may ${how}: then the second is waited for, and nothing is tried again`, async () => {
      const at = await bed({}, { retries });
      const client = await beginHedged(at, get);
      end(at.came[0]?.socket as Socket);
      await eventually(() => at.hop.outcomes.length === 1, 'the failure');
      at.answer(1, OK);
      assert.match(await client.toEnd(), /ok$/);
      assert.deepEqual(at.hop.outcomes, ['gateway-error', 'success']);
      assert.deepEqual([at.hop.retries, at.hop.hedges], [[], ['won']]);
    });
  }

  test('the last to fail is what the client gets', async () => {
    const at = await bed();
    const client = await beginHedged(at, get);
    at.answer(1, UNAVAILABLE);
    await eventually(() => at.hop.hedges.length > 0, 'the first failure');
    at.answer(0, 'HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n');
    assert.match(await client.toEnd(), /^HTTP\/1.1 500 /);
  });

  test('each has the time that a try may have', async () => {
    const at = await bed({}, { perTryTimeoutMs: 50 });
    const client = await beginHedged(at, get);
    at.clock.advance(40);
    assert.deepEqual(at.hop.outcomes, ['gateway-error'], 'the first is out of time');
    at.clock.advance(9);
    assert.equal(at.hop.outcomes.length, 1);
    at.clock.advance(1);
    assert.match(await client.toEnd(), /^HTTP\/1.1 504 .*attempt-timeout/s);
    assert.deepEqual(at.hop.outcomes, ['gateway-error', 'gateway-error']);
    assert.deepEqual(at.hop.hedges, ['failed']);
  });

  test('both end with the time of the request, and with the client', async () => {
    const at = await bed({}, { requestTimeoutMs: 50 });
    const late = await beginHedged(at, get);
    at.clock.advance(40);
    assert.match(await late.toEnd(), /^HTTP\/1.1 504 .*request-timeout/s);
    const gone = await beginHedged(at, get);
    gone.socket.resetAndDestroy();
    await eventually(() => at.came.every(isOver), 'the end of all');
    assert.deepEqual(at.hop.hedges, ['lost', 'lost']);
    assert.deepEqual(at.hop.outcomes.toSorted(), [
      ...['cancelled', 'cancelled', 'cancelled', 'gateway-error'],
    ]);
  });
});

describe('a stream of HTTP/2', () => {
  test('is sent twice too; the one that is slower is reset', async () => {
    const clock = new ManualClock();
    const held: ServerHttp2Stream[] = [];
    let requests = 0;
    const ports: number[] = [];
    for (const name of ['a', 'b']) {
      const app = await http2Application('127.0.0.1', (stream) => {
        if (requests++ < KNOWN || held.length === 1) {
          stream.respond({ ':status': 200 });
          stream.end(name);
        } else held.push(stream);
      });
      ports.push(app.port);
    }
    const policy = policyOf({}, {});
    const hop = await new HttpHop({ endpoints: ports, clock, policy, version: 2 }).start();
    after(() => hop.close());
    const session = http2Client(hop.port);
    for (let i = 0; i < KNOWN; i++) await ask(session, { ':path': '/' });
    hop.outcomes.length = 0;
    const asked = ask(session, { ':path': '/' });
    await eventually(() => held.length === 1, 'the first try');
    clock.advance(10);
    assert.equal((await asked).status, 200);
    assert.deepEqual([hop.outcomes, hop.hedges], [['outrun', 'success'], ['won']]);
    await eventually(() => held[0]?.rstCode === 8, 'the reset');
  });
});
