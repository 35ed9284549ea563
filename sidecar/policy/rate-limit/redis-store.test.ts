import assert from 'node:assert/strict';
import { createServer, type Server, type Socket } from 'node:net';
import { after, describe, test } from 'node:test';
import { createClient } from '@redis/client';
import { systemClock } from '../../../runtime/clock.ts';
import { silentLog } from '../../../runtime/log.ts';
import { eventually, listen } from '../../../test/fakes/connections.ts';
import { freePort, RedisServer, withoutRedis } from '../../../test/fakes/redis-server.ts';
import { RedisStore, type StoredBucket, type StoredState } from './redis-store.ts';

function storeAt(port: number): RedisStore {
  const store = new RedisStore({ host: '127.0.0.1', port, clock: systemClock, log: silentLog() });
  after(() => store.stop());
  return store;
}

/** Somebody else who uses it. */
async function clientOf({ port }: RedisServer) {
  const client = createClient({ socket: { host: '127.0.0.1', port } });
  client.on('error', () => {});
  await client.connect();
  after(() => client.destroy());
  return client;
}

const bucket = (key: string, perSecond = 10, burst = 10): StoredBucket => ({
  key,
  intervalUs: 1_000_000 / perSecond,
  burst,
});

function take(
  store: RedisStore,
  buckets: readonly StoredBucket[],
  timeoutMs = 2_000,
): Promise<readonly StoredState[] | string> {
  return new Promise((resolve) => store.take(buckets, timeoutMs, resolve));
}

async function ready(store: RedisStore): Promise<void> {
  await eventually(() => !store.isDown, 'the store answers');
}

async function states(...args: Parameters<typeof take>): Promise<readonly StoredState[]> {
  const answer = await take(...args);
  assert.ok(typeof answer !== 'string', String(answer));
  return answer;
}

describe('a store in Redis', { skip: withoutRedis }, () => {
  test('counts for all who share it, with the clock of Redis', async () => {
    const redis = await new RedisServer(await freePort()).start();
    const [one, other] = [storeAt(redis.port), storeAt(redis.port)];
    let granted = 0;
    for (let i = 0; i < 20; i++) {
      // One token a day: none comes while the test runs.
      const slow = { key: 'a', intervalUs: 86_400_000_000, burst: 10 };
      const [state] = await states(i % 2 === 0 ? one : other, [slow]);
      if (state?.waitMs === 0) granted += 1;
      else assert.ok((state?.waitMs ?? 0) > 86_000_000, `${state?.waitMs}`);
      assert.equal(state?.remaining, Math.max(9 - i, 0));
    }
    assert.equal(granted, 10);
  });

  test('takes of all buckets or of none', async () => {
    const redis = await new RedisServer(await freePort()).start();
    const store = storeAt(redis.port);
    const [small, large] = [
      { key: 'small', intervalUs: 86_400_000_000, burst: 1 },
      { key: 'large', intervalUs: 86_400_000_000, burst: 5 },
    ];
    assert.deepEqual(
      (await states(store, [small, large])).map((s) => s.remaining),
      [0, 4],
    );
    assert.deepEqual(
      (await states(store, [small, large])).map((s) => s.remaining),
      [0, 4],
    );
    assert.equal((await states(store, [large]))[0]?.remaining, 3);
  });

  test('keeps keys apart whatever they hold, and forgets those that are full', async () => {
    const redis = await new RedisServer(await freePort()).start();
    const store = storeAt(redis.port);
    const hostile = ['a\r\nSET b 1', '\0', '*3\r\n$3\r\nDEL', "'; return 1 --", 'ÿ\u2028', ''];
    for (const key of hostile) {
      assert.equal((await states(store, [bucket(key, 100)]))[0]?.remaining, 9, key);
    }
  });

  test('is asked on after it was told to forget its scripts', async () => {
    const redis = await new RedisServer(await freePort()).start();
    const store = storeAt(redis.port);
    await states(store, [bucket('a')]);
    const client = await clientOf(redis);
    await client.sendCommand(['SCRIPT', 'FLUSH']);
    assert.equal((await states(store, [bucket('a')])).length, 1);
  });

  test('clamps what was written by another clock, or by somebody else', async () => {
    const redis = await new RedisServer(await freePort()).start();
    const store = storeAt(redis.port);
    await states(store, [bucket('x')]);
    const client = await clientOf(redis);
    for (const [text, waits] of [
      ['1e300', true],
      ['-5', false],
      ['nonsense', false],
      ['nan', false],
      ['inf', true],
    ] as const) {
      await client.sendCommand(['SET', 'a', text]);
      const [state] = await states(store, [bucket('a')]);
      if (waits) assert.ok((state?.waitMs ?? 0) > 0 && (state?.waitMs ?? 0) <= 1_000);
      if (!waits) assert.equal(state?.waitMs, 0);
    }
  });

  test('that dies is down at once, and back when it comes back', async () => {
    const redis = await new RedisServer(await freePort()).start();
    const store = storeAt(redis.port);
    await states(store, [bucket('a')]);
    redis.kill();
    await eventually(() => store.isDown, 'its end is noticed');
    assert.equal(await take(store, [bucket('a')]), 'unreachable');
    await redis.start();
    await ready(store);
    await states(store, [bucket('a')]);
  });

  test('that hangs holds nobody up for longer than they say, and is left alone soon', async () => {
    const redis = await new RedisServer(await freePort()).start();
    const store = storeAt(redis.port);
    await states(store, [bucket('a')]);
    redis.hang();
    for (let i = 0; i < 3; i++) assert.equal(await take(store, [bucket('a')], 20), 'timeout');
    assert.ok(store.isDown);
    assert.equal(await take(store, [bucket('a')], 60_000), 'unreachable');
    redis.wake();
    await ready(store);
    await states(store, [bucket('a')]);
  });

  test('that answers with errors tells so', async () => {
    const redis = await new RedisServer(await freePort()).start();
    const store = storeAt(redis.port);
    await states(store, [bucket('x')]);
    const client = await clientOf(redis);
    await client.sendCommand(['LPUSH', 'list', '1']);
    assert.equal(await take(store, [bucket('list')]), 'error');
    // A fault of one key is none of the store.
    await states(store, [bucket('x')]);
  });
});

describe('a store that is not there', () => {
  test('is told of at once after the first try', async () => {
    const store = storeAt(await freePort());
    assert.equal(await take(store, [bucket('a')]), 'unreachable');
    assert.ok(store.isDown);
  });

  for (const [name, answer] of [
    ['says nothing', (_socket: Socket) => {}],
    ['speaks another protocol', (socket: Socket) => socket.write('HTTP/1.1 400 Bad\r\n\r\n')],
    ['answers what nobody asked', (socket: Socket) => socket.write('+OK\r\n+OK\r\n*1\r\n:1\r\n')],
    ['closes', (socket: Socket) => socket.destroy()],
  ] as const) {
    test(`since what is there ${name} is bounded by the timeout`, async () => {
      const sockets: Socket[] = [];
      const server: Server = createServer((socket) => {
        sockets.push(socket);
        socket.on('error', () => {});
        socket.on('data', () => answer(socket));
      });
      const port = await listen(server);
      after(() => {
        server.close();
        for (const socket of sockets) socket.destroy();
      });
      const store = storeAt(port);
      for (let i = 0; i < 4; i++) {
        assert.equal(typeof (await take(store, [bucket('a')], 50)), 'string');
      }
    });
  }

  test('tells whoever waits when it is stopped', async () => {
    const server = createServer(() => {});
    const port = await listen(server);
    after(() => server.close());
    const store = storeAt(port);
    const answer = take(store, [bucket('a')], 60_000);
    store.stop();
    assert.equal(await answer, 'unreachable');
    assert.equal(await take(store, [bucket('a')], 60_000), 'unreachable');
  });
});
