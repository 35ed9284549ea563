import assert from 'node:assert/strict';
import { createServer, type Server, type Socket } from 'node:net';
import { after, beforeEach, describe, test } from 'node:test';
import { ManualClock, systemClock } from '../../runtime/clock.ts';
import { MeshError } from '../../runtime/errors.ts';
import { eventually, listen } from '../../test/fakes/connections.ts';
import type { Endpoint, Workload } from '../config/types.ts';
import type { TrafficObserver } from '../telemetry/types.ts';
import { EndpointCluster } from './cluster.ts';
import { type Dialer, PlainDialer } from './dialer.ts';
import type { AcquireRequest, UpstreamConnection } from './types.ts';

const events: string[] = [];
const observer: TrafficObserver = {
  requestFinished: () => {},
  connectionOpened: () => {},
  connectionClosed: () => {},
  retried: () => {},
  hedged: () => {},
  limitReached: (service, code) => events.push(`limit ${service} ${code}`),
  faultInjected: () => {},
  rateLimitStoreFailed: () => {},
  refused: () => {},
  ejected: (service, endpoint) => events.push(`ejected ${service} ${endpoint}`),
  restored: (service, endpoint) => events.push(`restored ${service} ${endpoint}`),
};
beforeEach(() => {
  events.length = 0;
});

function workload(pod: string): Workload {
  return {
    address: '',
    pod,
    namespace: 'shop',
    workload: 'cart',
    serviceAccount: 'cart',
    node: '',
    zone: '',
    trunkPort: 0,
  };
}

function endpoint(address: string, pod = address): Endpoint {
  return { address, ports: new Map(), workload: workload(pod) };
}

const plain = new PlainDialer(systemClock, undefined);

function cluster(
  clock: ManualClock,
  dialer: Dialer = plain,
  random: () => number = () => 0,
): EndpointCluster {
  const made = new EndpointCluster({
    name: 'shop/cart:80',
    service: 'shop/cart',
    dialer,
    avoidsFailing: true,
    remote: true,
    observer,
    clock,
    random,
    source: 'shop/web-1',
    want: () => events.push('want'),
  });
  after(() => made.close());
  return made;
}

/** A server, and the sockets that it accepted. */
async function serve(
  host = '127.0.0.1',
): Promise<{ port: number; sockets: Socket[]; server: Server }> {
  const sockets: Socket[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.resume();
  });
  after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { port: await listen(server, host), sockets, server };
}

function acquire(
  from: EndpointCluster,
  change: Partial<AcquireRequest> = {},
): Promise<UpstreamConnection> {
  return new Promise((resolve, reject) => {
    from.acquire(
      { tried: [], connectTimeoutMs: 2_000, pooled: true, ...change },
      { onConnection: resolve, onError: reject },
    );
  });
}

const hasCode =
  (code: string) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof MeshError, String(error));
    assert.equal(error.code, code, error.message);
    return true;
  };

/** Dials nothing; counts. */
class ScriptedDialer implements Dialer {
  readonly dialed: string[] = [];
  readonly timeoutsMs: number[] = [];
  readonly dead = new Set<string>();

  async dial(
    host: string,
    port: number,
    _workload: Workload,
    timeoutMs: number,
  ): ReturnType<Dialer['dial']> {
    this.timeoutsMs.push(timeoutMs);
    this.dialed.push(`${host}:${port}`);
    if (this.dead.has(host)) throw new MeshError('connect-failed', 'dead');
    return {
      mutualTls: false,
      transport: {
        peer: { address: host, port, identity: undefined, workload: undefined },
        finished: false,
        bytesRead: 0,
        bytesWritten: 0,
        onClosed: undefined,
        onCounted: undefined,
        attach: () => {},
        write: () => true,
        end: () => {},
        destroy: () => {},
        pause: () => {},
        resume: () => {},
      },
    };
  }
}

describe('a connection that was released', () => {
  test('is lent again', async () => {
    const { port, sockets } = await serve();
    const pool = cluster(new ManualClock());
    pool.update([{ endpoint: endpoint('127.0.0.1'), port }]);
    const first = await acquire(pool);
    assert.equal(first.reused, false);
    first.release(true);
    const second = await acquire(pool);
    assert.equal(second.reused, true);
    assert.equal(second.transport, first.transport);
    assert.equal(sockets.length, 1);
  });

  test('is not lent to who wants one of its own, or when its codec left it unclean', async () => {
    const { port, sockets } = await serve();
    const pool = cluster(new ManualClock());
    pool.update([{ endpoint: endpoint('127.0.0.1'), port }]);
    (await acquire(pool)).release(true);
    const own = await acquire(pool, { pooled: false });
    assert.equal(own.reused, false);
    own.release(false);
    (await acquire(pool)).release(false);
    assert.equal((await acquire(pool)).reused, false);
    assert.equal(sockets.length, 3);
  });

  for (const [name, act] of [
    ['the server says something unasked', (socket: Socket) => socket.write('HTTP/1.1 408\r\n')],
    ['the server ends it', (socket: Socket) => socket.end()],
    ['the server resets it', (socket: Socket) => socket.resetAndDestroy()],
  ] as const) {
    test(`is dropped when ${name}`, async () => {
      const { port, sockets } = await serve();
      const pool = cluster(new ManualClock());
      pool.update([{ endpoint: endpoint('127.0.0.1'), port }]);
      (await acquire(pool)).release(true);
      await eventually(() => sockets.length === 1);
      const [socket] = sockets;
      assert.ok(socket);
      act(socket);
      await eventually(() => Object(pool.describe()[0]).idle === 0);
      assert.equal((await acquire(pool)).reused, false);
    });
  }

  test('is closed after its idle time', async () => {
    const { port, sockets } = await serve();
    const clock = new ManualClock();
    const pool = cluster(clock);
    pool.update([{ endpoint: endpoint('127.0.0.1'), port }]);
    (await acquire(pool)).release(true);
    clock.advance(3_999);
    pool.sweep(clock.monotonicMs());
    assert.equal(Object(pool.describe()[0]).idle, 1);
    clock.advance(1);
    pool.sweep(clock.monotonicMs());
    assert.equal(Object(pool.describe()[0]).idle, 0);
    await eventually(() => sockets[0]?.readableEnded === true);
  });

  test('is neither kept nor used for longer than the policy says', async () => {
    const { port, sockets } = await serve();
    const clock = new ManualClock();
    const pool = cluster(clock);
    pool.configure({
      ...{ circuitBreaker: undefined, loadBalancer: undefined, limits: undefined },
      idleTimeoutMs: 1_000,
    });
    pool.update([{ endpoint: endpoint('127.0.0.1'), port }]);
    const first = await acquire(pool);
    first.release(true);
    clock.advance(999);
    const second = await acquire(pool);
    assert.equal(second.transport, first.transport);
    second.release(true);
    // Before anybody sweeps.
    clock.advance(1_000);
    assert.notEqual((await acquire(pool)).transport, first.transport);
    await eventually(() => sockets[0]?.readableEnded === true);
  });
});

test('the time for connecting holds for requests, connections and streams alike', async () => {
  const dialer = new ScriptedDialer();
  dialer.dead.add('10.0.0.1');
  const target = { endpoint: endpoint('10.0.0.1'), port: 80 };
  const asks: ((from: EndpointCluster) => Promise<unknown>)[] = [
    (from) => acquire(from, { connectTimeoutMs: 1, pooled: true }),
    (from) => acquire(from, { connectTimeoutMs: 2, pooled: false }),
    (from) =>
      new Promise((resolve, reject) => {
        const request = { tried: [], connectTimeoutMs: 3 };
        from.acquireStream(request, { onSlot: resolve, onError: reject });
      }),
  ];
  for (const ask of asks) {
    const pool = cluster(new ManualClock(), dialer);
    pool.update([target]);
    await assert.rejects(ask(pool), hasCode('connect-failed'));
  }
  assert.deepEqual(dialer.timeoutsMs, [1, 2, 3]);
});

describe('an endpoint that leaves', () => {
  test('keeps what is under way, and gets nothing new', async () => {
    const { port, sockets } = await serve();
    const pool = cluster(new ManualClock());
    pool.update([{ endpoint: endpoint('127.0.0.1'), port }]);
    const idle = await acquire(pool);
    const busy = await acquire(pool);
    idle.release(true);
    pool.update([]);
    await assert.rejects(acquire(pool), hasCode('no-endpoints'));
    await eventually(() => sockets.filter((socket) => socket.readableEnded).length === 1);
    const received: string[] = [];
    for (const socket of sockets) socket.on('data', (bytes) => received.push(String(bytes)));
    busy.transport.write(Buffer.from('still here'));
    await eventually(() => received.join('') === 'still here');
    busy.release(true);
    await eventually(() => sockets.every((socket) => socket.readableEnded));
  });

  test('is another endpoint when another pod comes to its address', async () => {
    const { port } = await serve();
    const pool = cluster(new ManualClock());
    pool.update([{ endpoint: endpoint('127.0.0.1', 'cart-1'), port }]);
    (await acquire(pool)).release(true);
    pool.update([{ endpoint: endpoint('127.0.0.1', 'cart-2'), port }]);
    assert.equal((await acquire(pool)).reused, false);
  });

  test('and stays over a configuration that changes others keeps its connections', async () => {
    const { port } = await serve();
    const pool = cluster(new ManualClock());
    pool.update([{ endpoint: endpoint('127.0.0.1'), port }]);
    (await acquire(pool)).release(true);
    pool.update([{ endpoint: endpoint('127.0.0.1'), port }]);
    assert.equal((await acquire(pool)).reused, true);
  });
});

describe('picking', () => {
  test('prefers endpoints that were not tried, and the less busy of two', async () => {
    const dialer = new ScriptedDialer();
    const pool = cluster(new ManualClock(), dialer);
    pool.update(
      ['10.0.0.1', '10.0.0.2'].map((address) => ({ endpoint: endpoint(address), port: 1 })),
    );
    const first = await acquire(pool);
    const second = await acquire(pool);
    assert.notEqual(first.endpoint.address, second.endpoint.address);
    const third = await acquire(pool, { tried: [first.endpoint] });
    assert.equal(third.endpoint.address, second.endpoint.address);
    const fourth = await acquire(pool, { tried: [first.endpoint, second.endpoint] });
    assert.ok(fourth.endpoint);
  });

  test('counts what is under way until it is released or lost', async () => {
    const { port, sockets } = await serve();
    const pool = cluster(new ManualClock());
    pool.update([{ endpoint: endpoint('127.0.0.1'), port }]);
    const released = await acquire(pool);
    const lost = await acquire(pool);
    assert.equal(Object(pool.describe()[0]).inFlight, 2);
    released.release(true);
    lost.transport.attach({ onData() {}, onEnd() {}, onDrain() {}, onClose() {} });
    lost.transport.resume();
    await eventually(() => sockets.length === 2);
    sockets[1]?.resetAndDestroy();
    await eventually(() => Object(pool.describe()[0]).inFlight === 0);
    lost.release(true);
    assert.equal(Object(pool.describe()[0]).inFlight, 0);
  });

  test('waits for endpoints that are not known yet, but not for ever', async () => {
    const clock = new ManualClock();
    const pool = cluster(clock, new ScriptedDialer());
    const waiting = acquire(pool);
    assert.deepEqual(events, ['want']);
    clock.advance(500);
    pool.update([{ endpoint: endpoint('10.0.0.1'), port: 80 }]);
    assert.equal((await waiting).endpoint.address, '10.0.0.1');
    const never = cluster(clock, new ScriptedDialer());
    const refused = assert.rejects(acquire(never), hasCode('endpoints-unknown'));
    clock.advance(1_000);
    await refused;
  });

  test('of a cancelled request keeps the connection for the next one', async () => {
    const { port, sockets } = await serve();
    const pool = cluster(new ManualClock());
    pool.update([{ endpoint: endpoint('127.0.0.1'), port }]);
    const acquisition = pool.acquire(
      { tried: [], connectTimeoutMs: 0, pooled: true },
      { onConnection: () => assert.fail('cancelled'), onError: () => assert.fail('cancelled') },
    );
    acquisition.cancel();
    await eventually(() => sockets.length === 1 && Object(pool.describe()[0]).idle === 1);
    assert.equal((await acquire(pool)).reused, true);
  });
});

describe('an endpoint that fails', () => {
  const addresses = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'];
  const policy = { consecutiveErrors: 3, ejectionMs: 5_000, maxEjectedPercent: 50 };

  async function failing(): Promise<{
    clock: ManualClock;
    pool: EndpointCluster;
    fail(address: string): Promise<void>;
  }> {
    const clock = new ManualClock();
    const pool = cluster(clock, new ScriptedDialer());
    pool.configure({ circuitBreaker: policy, loadBalancer: undefined, limits: undefined });
    pool.update(addresses.map((address) => ({ endpoint: endpoint(address), port: 80 })));
    const fail = async (address: string): Promise<void> => {
      const others = addresses.filter((other) => other !== address).map((other) => endpoint(other));
      const connection = await acquire(pool, { tried: others });
      assert.equal(connection.endpoint.address, address);
      connection.report('error');
      connection.release(false);
    };
    return { clock, pool, fail };
  }

  test('several times in a row is ejected, and comes back', async () => {
    const { clock, pool, fail } = await failing();
    for (let i = 0; i < 3; i++) await fail('10.0.0.1');
    assert.deepEqual(events, ['ejected shop/cart 10.0.0.1:80']);
    for (let i = 0; i < 20; i++) {
      const connection = await acquire(pool);
      assert.notEqual(connection.endpoint.address, '10.0.0.1');
      connection.release(false);
    }
    clock.advance(5_000);
    assert.deepEqual(events.slice(1), []);
    const others = addresses.slice(1).map((other) => endpoint(other));
    const trial = await acquire(pool, { tried: others });
    assert.equal(trial.endpoint.address, '10.0.0.1');
    const meanwhile = await acquire(pool, { tried: others });
    assert.notEqual(meanwhile.endpoint.address, '10.0.0.1', 'one request decides');
    trial.report('success');
    assert.deepEqual(events.slice(1), ['restored shop/cart 10.0.0.1:80']);
    await fail('10.0.0.1');
  });

  test('is no longer out once it has left the service', async () => {
    const { pool, fail } = await failing();
    for (let i = 0; i < 3; i++) await fail('10.0.0.1');
    pool.update(addresses.slice(1).map((address) => ({ endpoint: endpoint(address), port: 80 })));
    assert.deepEqual(events.slice(1), ['restored shop/cart 10.0.0.1:80']);
  });

  test('is kept when a success comes between', async () => {
    const { pool, fail } = await failing();
    await fail('10.0.0.1');
    await fail('10.0.0.1');
    const others = addresses.slice(1).map((other) => endpoint(other));
    const connection = await acquire(pool, { tried: others });
    connection.report('success');
    connection.report('error');
    connection.release(true);
    await fail('10.0.0.1');
    assert.deepEqual(events, []);
  });

  test('is kept when as many are out as may be', async () => {
    const { fail } = await failing();
    for (const address of addresses.slice(0, 3)) {
      for (let i = 0; i < 3; i++) await fail(address);
    }
    assert.equal(events.length, 2);
  });

  test('stays out over a new configuration, and is forgotten with its pod', async () => {
    const { pool, fail } = await failing();
    for (let i = 0; i < 3; i++) await fail('10.0.0.1');
    pool.update(addresses.map((address) => ({ endpoint: endpoint(address), port: 80 })));
    assert.equal(Object(pool.describe()[0]).ejected, true);
    pool.update(
      addresses.map((address) => ({ endpoint: endpoint(address, `new-${address}`), port: 80 })),
    );
    assert.equal(Object(pool.describe()[0]).ejected, false);
  });

  test('to be reached is given up without a further attempt', async () => {
    const dialer = new ScriptedDialer();
    dialer.dead.add('10.0.0.1');
    const pool = cluster(new ManualClock(), dialer);
    pool.update([{ endpoint: endpoint('10.0.0.1'), port: 80 }]);
    for (let i = 0; i < 5; i++) await assert.rejects(acquire(pool), hasCode('connect-failed'));
    await assert.rejects(acquire(pool), hasCode('no-healthy-endpoint'));
    assert.equal(dialer.dialed.length, 5);
  });

  test('to be reached says so with its address', async () => {
    const { port, server } = await serve();
    await new Promise((resolve) => server.close(resolve));
    const pool = cluster(new ManualClock());
    pool.update([{ endpoint: endpoint('127.0.0.1'), port }]);
    await assert.rejects(
      acquire(pool),
      new RegExp(`127.0.0.1:${port} is not reached.*ECONNREFUSED`),
    );
  });
});

test('the source address is used where the families agree', async () => {
  const { port, sockets } = await serve();
  const dialer = new PlainDialer(systemClock, '127.0.0.77');
  const { transport } = await dialer.dial('127.0.0.1', port, workload(''), 1_000);
  await eventually(() => sockets.length === 1);
  assert.equal(sockets[0]?.remoteAddress, '127.0.0.77');
  transport.destroy();
  const six = await serve('::1');
  const other = await dialer.dial('::1', six.port, workload(''), 1_000);
  other.transport.destroy();
});
