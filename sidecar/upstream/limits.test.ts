import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ManualClock } from '../../runtime/clock.ts';
import { MeshError } from '../../runtime/errors.ts';
import { Caller, HeldDialer, lab, NO_LIMITS } from '../../test/fakes/cluster-lab.ts';
import { FakeObserver } from '../../test/fakes/sidecars.ts';
import type { LoadBalancer } from '../config/types.ts';
import { EndpointCluster } from './cluster.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import type { UpstreamConnection } from './types.ts';

const NOTHING = { requests: 0, connections: 0, pendingRequests: 0 };

describe('the limit of requests', () => {
  test('refuses at once what is beyond it, and counts that', async () => {
    const { cluster, observer, served, counts } = lab({ maxRequests: 2 });
    const [first] = [await served(), await served()];
    const third = new Caller(cluster);
    assert.equal(third.error?.code, 'too-many-requests');
    assert.match(third.error.message, /^2 requests to shop\/cart:80 are under way/);
    assert.deepEqual(observer.limitRefusals, ['shop/cart too-many-requests']);
    first?.connection?.release(true);
    assert.equal(new Caller(cluster).error, undefined);
    assert.equal(counts().requests, 2);
  });

  test('counts who waits for a connection, and who waits for endpoints', async () => {
    const { cluster, served } = lab({ maxRequests: 2, maxConnections: 1 });
    await served();
    assert.ok(new Caller(cluster).waits);
    assert.equal(new Caller(cluster).error?.code, 'too-many-requests');
    const other = new EndpointCluster({
      ...{ name: '', service: '', source: '', avoidsFailing: false, remote: true },
      ...{ random: () => 0, want: () => {}, dialer: new HeldDialer(), clock: new ManualClock() },
      observer: new FakeObserver(),
    });
    other.configure({
      ...{ circuitBreaker: undefined, loadBalancer: undefined },
      limits: { ...NO_LIMITS, maxRequests: 1 },
    });
    assert.ok(new Caller(other).waits);
    assert.equal(new Caller(other).error?.code, 'too-many-requests');
  });
});

describe('the limit of connections', () => {
  test('lets further requests wait for one to be released, in their order', async () => {
    const { cluster, dialer, served, counts } = lab({ maxConnections: 1 });
    const first = await served();
    const [second, third] = [new Caller(cluster), new Caller(cluster)];
    assert.deepEqual(counts(), { requests: 3, connections: 1, pendingRequests: 2 });
    first.connection?.release(true);
    assert.equal(second.connection?.transport, dialer.connected[0]);
    assert.ok(third.waits);
    const fourth = new Caller(cluster);
    second.connection?.release(true);
    assert.equal(third.connection?.transport, dialer.connected[0]);
    assert.ok(fourth.waits);
    third.connection?.release(true);
    fourth.connection?.release(true);
    assert.equal(dialer.connected.length, 1);
    assert.deepEqual(counts(), { ...NOTHING, connections: 1 });
  });

  for (const [name, end] of [
    ['could not be left clean', (connection?: UpstreamConnection) => connection?.release(false)],
    ['was lost', (connection?: UpstreamConnection) => connection?.transport.destroy()],
  ] as const) {
    test(`lets who waits connect anew when a connection ${name}`, async () => {
      const { cluster, dialer, served, counts } = lab({ maxConnections: 1 });
      const first = await served();
      const second = new Caller(cluster);
      end(first.connection);
      await dialer.dialing[0]?.answer();
      assert.equal(second.connection?.transport, dialer.connected[1]);
      assert.deepEqual(counts(), { requests: 1, connections: 1, pendingRequests: 0 });
    });
  }

  test('lets who waits connect when somebody else could not', async () => {
    const { cluster, dialer } = lab({ maxConnections: 1 });
    const [first, second] = [new Caller(cluster), new Caller(cluster)];
    await dialer.dialing[0]?.answer(new MeshError('connect-failed', 'nobody is there'));
    assert.equal(first.error?.code, 'connect-failed');
    await dialer.dialing[0]?.answer();
    assert.ok(second.connection);
  });

  test('gives a connection that nobody wants any more to who waits', async () => {
    const { cluster, dialer } = lab({ maxConnections: 1 });
    const [first, second] = [new Caller(cluster), new Caller(cluster)];
    first.acquisition.cancel();
    await dialer.dialing[0]?.answer();
    assert.ok(first.waits);
    assert.equal(second.connection?.transport, dialer.connected[0]);
  });

  test('takes a kept connection to another endpoint where one is idle', async () => {
    const { cluster, endpoints, served, dialer } = lab({ maxConnections: 1 });
    (await served()).connection?.release(true);
    endpoints('10.0.0.2', '10.0.0.1');
    assert.equal(new Caller(cluster).connection?.transport, dialer.connected[0]);
  });

  test('closes it instead where the request belongs to its endpoint', async () => {
    const hash = { kind: 'header', name: 'x' } as const;
    const { endpoints, served, dialer, counts } = lab(
      { maxConnections: 2 },
      { kind: 'ring-hash', hash },
    );
    endpoints('10.0.0.1', '10.0.0.2');
    const keyOf = async (address: string): Promise<string> => {
      for (let i = 0; ; i++) {
        const { connection } = await served({ hashKey: `${i}` });
        connection?.release(true);
        if (connection?.endpoint.address === address) return `${i}`;
      }
    };
    const [one, other] = [await keyOf('10.0.0.1'), await keyOf('10.0.0.2')];
    const busy = [await served({ hashKey: one }), await served({ hashKey: one })];
    assert.deepEqual(
      dialer.open.map(({ peer }) => peer.address),
      ['10.0.0.1', '10.0.0.1'],
    );
    for (const caller of busy) caller.connection?.release(true);
    assert.equal((await served({ hashKey: other })).connection?.endpoint.address, '10.0.0.2');
    assert.equal(counts().connections, 2);
  });

  test('closes an idle connection for one that has to be its own, or refuses it at once', async () => {
    const { cluster, dialer, served, observer } = lab({ maxConnections: 1 });
    (await served()).connection?.release(true);
    const own = await served({ pooled: false });
    assert.equal(dialer.open.length, 1);
    assert.equal(new Caller(cluster, { pooled: false }).error?.code, 'too-many-connections');
    assert.deepEqual(observer.limitRefusals, ['shop/cart too-many-connections']);
    own.connection?.release(false);
  });

  test('that is raised lets who waits connect', async () => {
    const { cluster, configure, dialer, served } = lab({ maxConnections: 1 });
    await served();
    const second = new Caller(cluster);
    configure({ maxConnections: 2 });
    await dialer.dialing[0]?.answer();
    assert.ok(second.connection);
  });

  test('that is lowered closes idle connections, and others when they come back', async () => {
    const { configure, dialer, served, counts } = lab({});
    const busy = [await served(), await served(), await served(), await served()];
    busy[0]?.connection?.release(true);
    configure({ maxConnections: 2 });
    assert.equal(dialer.open.length, 3);
    busy[1]?.connection?.release(true);
    assert.equal(dialer.open.length, 2);
    busy[2]?.connection?.release(true);
    busy[3]?.connection?.release(true);
    assert.deepEqual(counts(), { ...NOTHING, connections: 2 });
  });

  test('does not count connections to endpoints that have left', async () => {
    const { cluster, endpoints, dialer, served } = lab({ maxConnections: 1 });
    const old = await served();
    const waiting = new Caller(cluster);
    endpoints('10.0.0.2');
    await dialer.dialing[0]?.answer();
    assert.equal(waiting.connection?.endpoint.address, '10.0.0.2');
    assert.equal(Object(old.connection?.transport).finished, false);
    old.connection?.release(true);
    assert.equal(Object(old.connection?.transport).finished, true);
  });

  test('has who waits learn that there is nobody left', async () => {
    const { cluster, endpoints, served } = lab({ maxConnections: 1 });
    await served();
    const waiting = new Caller(cluster);
    endpoints();
    assert.equal(waiting.error?.code, 'no-endpoints');
  });
});

describe('the line before a connection', () => {
  test('refuses at once who would make it too long', async () => {
    const { cluster, served, observer } = lab({ maxConnections: 1, maxPendingRequests: 2 });
    await served();
    const waiting = [new Caller(cluster), new Caller(cluster)];
    const last = new Caller(cluster);
    assert.ok(waiting.every((caller) => caller.waits));
    assert.equal(last.error?.code, 'too-many-pending');
    assert.equal(
      last.error.message,
      'all 1 connections to shop/cart:80 are in use, and 2 requests wait for one',
    );
    assert.deepEqual(observer.limitRefusals, ['shop/cart too-many-pending']);
  });

  test('may be of length zero', async () => {
    const { cluster, served } = lab({ maxConnections: 1, maxPendingRequests: 0 });
    await served();
    assert.equal(new Caller(cluster).error?.code, 'too-many-pending');
  });

  test('is left after the time in which a connection must be there', async () => {
    const { cluster, clock, served, counts, observer } = lab({ maxConnections: 1 });
    const first = await served();
    const [hasty, patient] = [
      new Caller(cluster, { connectTimeoutMs: 100 }),
      new Caller(cluster, { connectTimeoutMs: 0 }),
    ];
    clock.advance(99);
    assert.ok(hasty.waits);
    clock.advance(1);
    assert.equal(hasty.error?.code, 'pending-timeout');
    assert.match(hasty.error.message, /none was free within 100 ms$/);
    clock.advance(3_600_000);
    assert.ok(patient.waits);
    first.connection?.release(true);
    patient.connection?.release(true);
    assert.equal(hasty.answers, 1);
    assert.deepEqual(counts(), { ...NOTHING, connections: 1 });
    assert.deepEqual(observer.limitRefusals, ['shop/cart pending-timeout']);
  });

  test('moves up when somebody leaves it', async () => {
    const { cluster, clock, served, counts } = lab({ maxConnections: 1 });
    const first = await served();
    const [second, third] = [new Caller(cluster), new Caller(cluster)];
    second.acquisition.cancel();
    assert.equal(counts().pendingRequests, 1);
    first.connection?.release(true);
    assert.ok(third.connection);
    clock.advance(10_000);
    assert.ok(second.waits);
  });

  test('is served on and on by who gives back at once', async () => {
    const { cluster, served, counts } = lab({ maxConnections: 1 });
    const first = await served();
    let answered = 0;
    for (let i = 0; i < 900; i++) {
      cluster.acquire(
        { tried: [], connectTimeoutMs: 0, pooled: true },
        {
          onConnection: (connection) => {
            answered += 1;
            connection.release(true);
          },
          onError: assert.fail,
        },
      );
    }
    first.connection?.release(true);
    assert.equal(answered, 900);
    assert.deepEqual(counts(), { ...NOTHING, connections: 1 });
  });
});

test('without a policy there are limits that nobody meets who is in his right mind', () => {
  const { cluster } = lab({});
  assert.deepEqual(Object(cluster.describePolicy()).limits, DEFAULT_LIMITS);
  assert.ok(
    DEFAULT_LIMITS.maxRequests >= DEFAULT_LIMITS.maxConnections + DEFAULT_LIMITS.maxPendingRequests,
  );
});

type Step = {
  readonly act: 'acquire' | 'release' | 'drop' | 'lose' | 'cancel' | 'connect' | 'fail' | 'move';
  readonly which: number;
};

test('whatever happens, limits hold, everybody is answered once, and nothing is left over', async () => {
  const step: fc.Arbitrary<Step> = fc.record({
    act: fc.constantFrom(
      ...(['acquire', 'acquire', 'acquire', 'release', 'release', 'drop'] as const),
      ...(['lose', 'cancel', 'connect', 'connect', 'fail', 'move'] as const),
    ),
    which: fc.nat(1_000),
  });
  const balancers: LoadBalancer[] = [
    { kind: 'least-request' },
    { kind: 'peak-ewma' },
    { kind: 'round-robin' },
    { kind: 'ring-hash', hash: { kind: 'header', name: 'x' } },
  ];
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...balancers),
      fc.array(step, { minLength: 20, maxLength: 120 }),
      async (balancer, steps) => {
        const limits = { maxConnections: 3, maxPendingRequests: 4, maxRequests: 6 };
        const { cluster, dialer, endpoints, counts } = lab(limits, balancer);
        const addresses = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'];
        let current = addresses.slice(0, 2);
        endpoints(...current);
        const callers: Caller[] = [];
        const cancelled = new Set<Caller>();
        const ended = new Set<Caller>();
        const busy = (): Caller[] =>
          callers.filter((caller) => caller.connection !== undefined && !ended.has(caller));
        for (const { act, which } of steps) {
          const holder = busy()[which % Math.max(1, busy().length)];
          const waiting = callers.filter((caller) => caller.waits && !cancelled.has(caller));
          if (act === 'acquire') {
            const pooled = which % 5 !== 0;
            callers.push(new Caller(cluster, { pooled, hashKey: `${which % 7}` }));
          } else if (act === 'connect' || act === 'fail') {
            const dial = dialer.dialing[which % Math.max(1, dialer.dialing.length)];
            await dial?.answer(act === 'fail' ? new MeshError('connect-failed', '') : undefined);
          } else if (act === 'cancel') {
            const caller = waiting[which % Math.max(1, waiting.length)];
            if (caller !== undefined) cancelled.add(caller);
            caller?.acquisition.cancel();
          } else if (act === 'move') {
            current = addresses.slice(which % 3, (which % 3) + 2);
            endpoints(...current);
          } else if (holder !== undefined) {
            ended.add(holder);
            if (act === 'lose') holder.connection?.transport.destroy();
            else holder.connection?.release(act === 'release');
          }
          const { requests, connections, pendingRequests } = counts();
          assert.ok(connections <= 3 && pendingRequests <= 4 && requests <= 6);
          const counted = dialer.open.filter(({ peer }) => current.includes(peer.address));
          // Dials to endpoints that have left are not counted either.
          const dialing = dialer.dialing.filter(({ address }) => current.includes(address));
          assert.ok(connections <= counted.length + dialing.length);
        }
        while (dialer.dialing.length > 0 || busy().length > 0) {
          await dialer.dialing[0]?.answer();
          for (const caller of busy()) {
            ended.add(caller);
            caller.connection?.release(true);
          }
        }
        for (const caller of callers) assert.equal(caller.answers, cancelled.has(caller) ? 0 : 1);
        const { requests, connections, pendingRequests } = counts();
        assert.deepEqual([requests, pendingRequests], [0, 0]);
        assert.equal(dialer.open.length, connections);
        cluster.close();
        assert.equal(dialer.open.length, 0);
      },
    ),
    { numRuns: 300 },
  );
});
