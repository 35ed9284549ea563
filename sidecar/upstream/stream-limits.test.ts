import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { MeshError } from '../../runtime/errors.ts';
import { Caller, type Lab, lab, StreamCaller, turn } from '../../test/fakes/cluster-lab.ts';
import type { LoadBalancer } from '../config/types.ts';

const HASH: LoadBalancer = { kind: 'ring-hash', hash: { kind: 'header', name: 'x' } };
const NOTHING = { requests: 0, connections: 0, pendingRequests: 0 };

/** A stream, on a new connection where there is none; its server takes so many. */
async function opened(
  { cluster, dialer }: Lab,
  hashKey?: string,
  maxConcurrentStreams?: number,
): Promise<StreamCaller> {
  const caller = new StreamCaller(cluster, { hashKey });
  if (dialer.dialing.length > 0) {
    await dialer.dialing[0]?.answer();
    dialer.connected.at(-1)?.settings(maxConcurrentStreams);
  }
  await turn();
  assert.ok(caller.open, String(caller.error));
  return caller;
}

/** A key for each of the endpoints. */
async function keys(of: Lab, ...addresses: string[]): Promise<string[]> {
  const found = new Map<string, string>();
  for (let i = 0; found.size < addresses.length; i++) {
    const caller = await opened(of, `${i}`);
    found.set(caller.address ?? '', `${i}`);
    caller.finish(of.dialer);
    await turn();
  }
  return addresses.map((address) => found.get(address) ?? '');
}

describe('the limit of requests', () => {
  test('counts streams, whatever connection they are on', async () => {
    const it = lab({ maxRequests: 2 });
    const first = await opened(it);
    await opened(it);
    const third = new StreamCaller(it.cluster);
    assert.equal(third.error?.code, 'too-many-requests');
    assert.deepEqual(it.observer.limitRefusals, ['shop/cart too-many-requests']);
    assert.deepEqual(it.counts(), { requests: 2, connections: 1, pendingRequests: 0 });
    first.finish(it.dialer);
    assert.equal(it.counts().requests, 1);
    await opened(it);
    assert.equal(new Caller(it.cluster).error?.code, 'too-many-requests');
  });
});

describe('the limit of connections', () => {
  test('counts a shared connection once, and lets streams wait for one of them to end', async () => {
    const it = lab({ maxConnections: 1 });
    const first = await opened(it, undefined, 2);
    const second = await opened(it);
    const waiting = [1, 2, 3].map(() => new StreamCaller(it.cluster));
    assert.deepEqual(it.counts(), { requests: 5, connections: 1, pendingRequests: 3 });
    second.finish(it.dialer);
    await turn();
    assert.deepEqual(
      waiting.map(({ open }) => open),
      [true, false, false],
    );
    first.reset();
    await turn();
    assert.deepEqual(
      waiting.map(({ open }) => open),
      [true, true, false],
    );
    assert.equal(it.dialer.connected.length, 1);
  });

  test('is not met by those who wait together for their first connection', async () => {
    const it = lab({ maxConnections: 1 });
    const callers = Array.from({ length: 150 }, () => new StreamCaller(it.cluster));
    assert.equal(it.dialer.dialing.length, 1);
    await it.dialer.dialing[0]?.answer();
    // Fewer cannot be expected of a server that has not said how many it takes.
    assert.equal(callers.filter(({ open }) => open).length, 100);
    assert.equal(it.counts().pendingRequests, 50);
    it.dialer.connected[0]?.settings();
    assert.equal(callers.filter(({ open }) => open).length, 150);
    assert.deepEqual(it.counts(), { requests: 150, connections: 1, pendingRequests: 0 });
  });

  test('lets a stream go to another endpoint where its own has no connection', async () => {
    const it = lab({ maxConnections: 1 }, { kind: 'round-robin' });
    it.endpoints('10.0.0.1', '10.0.0.2');
    const callers = [await opened(it), await opened(it), await opened(it)];
    assert.equal(new Set(callers.map(({ address }) => address)).size, 1);
  });

  test('makes a stream wait that belongs to its endpoint, until the other one is idle', async () => {
    const it = lab({}, HASH);
    it.endpoints('10.0.0.1', '10.0.0.2');
    const [one, other] = await keys(it, '10.0.0.1', '10.0.0.2');
    it.configure({ maxConnections: 1 }, HASH);
    assert.equal(it.counts().connections, 1);
    const busy = [await opened(it, one), await opened(it, one)];
    const waiting = new StreamCaller(it.cluster, { hashKey: other });
    assert.ok(waiting.waits);
    // Nobody else is held up by it.
    const third = await opened(it, one);
    for (const caller of [...busy, third]) caller.finish(it.dialer);
    await turn();
    await it.dialer.dialing[0]?.answer();
    assert.equal(waiting.address, '10.0.0.2');
    assert.equal(it.counts().connections, 1);
  });

  test('closes an idle shared connection for a request of HTTP/1.1, and the other way round', async () => {
    const it = lab({ maxConnections: 1 });
    const stream = await opened(it);
    const waiting = new Caller(it.cluster);
    assert.ok(waiting.waits);
    stream.finish(it.dialer);
    await turn();
    await it.dialer.dialing[0]?.answer();
    assert.ok(waiting.connection);
    const next = new StreamCaller(it.cluster);
    assert.ok(next.waits);
    waiting.connection.release(true);
    await it.dialer.dialing[0]?.answer();
    assert.ok(next.open);
    assert.equal(it.counts().connections, 1);
  });

  test('counts a connection that takes no streams any more until the last one ends', async () => {
    const it = lab({ maxConnections: 1 });
    const old = await opened(it);
    it.dialer.connected[0]?.goaway();
    const waiting = new StreamCaller(it.cluster);
    assert.deepEqual(it.counts(), { requests: 2, connections: 1, pendingRequests: 1 });
    old.finish(it.dialer);
    await it.dialer.dialing[0]?.answer();
    assert.ok(waiting.open);
    assert.deepEqual(it.counts(), { requests: 1, connections: 1, pendingRequests: 0 });
  });

  test('that is lowered takes connections out of use, those with few streams first', async () => {
    const it = lab({}, { kind: 'round-robin' });
    it.endpoints('10.0.0.1', '10.0.0.2');
    const callers = [await opened(it), await opened(it), await opened(it)];
    const [first, , third] = callers.map(({ address }) => address);
    assert.equal(first, third);
    it.configure({ maxConnections: 1 }, { kind: 'round-robin' });
    assert.equal(it.counts().connections, 2);
    assert.deepEqual([(await opened(it)).address, (await opened(it)).address], [first, first]);
    callers[1]?.finish(it.dialer);
    assert.equal(it.counts().connections, 1);
  });

  test('that is raised lets who waits for a stream connect', async () => {
    const it = lab({ maxConnections: 1 });
    await opened(it, undefined, 1);
    const waiting = new StreamCaller(it.cluster);
    it.configure({ maxConnections: 2 });
    await it.dialer.dialing[0]?.answer();
    assert.ok(waiting.open);
  });

  test('lets who waits connect anew when a connection is lost', async () => {
    const it = lab({ maxConnections: 1 });
    await opened(it, undefined, 1);
    const second = new StreamCaller(it.cluster);
    assert.ok(second.waits);
    it.dialer.connected[0]?.destroy();
    await it.dialer.dialing[0]?.answer();
    assert.ok(second.open);
    assert.equal(it.counts().connections, 1);
  });

  test('lets who waits connect when somebody else could not', async () => {
    const it = lab({ maxConnections: 1 });
    const [first, second] = [new Caller(it.cluster), new StreamCaller(it.cluster)];
    await it.dialer.dialing[0]?.answer(new MeshError('connect-failed', 'nobody is there'));
    assert.equal(first.error?.code, 'connect-failed');
    const third = new Caller(it.cluster);
    await it.dialer.dialing[0]?.answer(new MeshError('connect-failed', 'nobody is there'));
    assert.equal(second.error?.code, 'connect-failed');
    await it.dialer.dialing[0]?.answer();
    assert.ok(third.connection);
  });
});

describe('the line before a stream', () => {
  test('refuses at once who would make it too long', async () => {
    const it = lab({ maxConnections: 1, maxPendingRequests: 1 });
    await opened(it, undefined, 1);
    const waiting = new StreamCaller(it.cluster);
    const last = new StreamCaller(it.cluster);
    assert.ok(waiting.waits);
    assert.equal(last.error?.code, 'too-many-pending');
    assert.deepEqual(it.observer.limitRefusals, ['shop/cart too-many-pending']);
  });

  test('is left after the time in which a connection must be there, or by who gives up', async () => {
    const it = lab({ maxConnections: 1 });
    const first = await opened(it, undefined, 1);
    const [hasty, gone, patient] = [
      new StreamCaller(it.cluster, { connectTimeoutMs: 100 }),
      new StreamCaller(it.cluster),
      new StreamCaller(it.cluster, { connectTimeoutMs: 0 }),
    ];
    gone.acquisition.cancel();
    it.clock.advance(100);
    assert.equal(hasty.error?.code, 'pending-timeout');
    assert.equal(it.counts().pendingRequests, 1);
    first.finish(it.dialer);
    await turn();
    assert.ok(patient.open && gone.waits);
    assert.equal(it.counts().requests, 1);
  });
});

describe('a balancer', () => {
  test('in turn opens a connection to each endpoint', async () => {
    const it = lab({}, { kind: 'round-robin' });
    it.endpoints('10.0.0.1', '10.0.0.2', '10.0.0.3');
    const addresses = [];
    for (let i = 0; i < 9; i++) addresses.push((await opened(it)).address);
    assert.equal(new Set(addresses).size, 3);
    assert.deepEqual(addresses.slice(0, 3), addresses.slice(3, 6));
    assert.equal(it.counts().connections, 3);
  });

  test('by a hash keeps a key on its endpoint over the connections of all', async () => {
    const it = lab({}, HASH);
    it.endpoints('10.0.0.1', '10.0.0.2', '10.0.0.3');
    const met = new Map<string, string | undefined>();
    for (let i = 0; i < 60; i++) {
      const key = `${i % 20}`;
      const caller = await opened(it, key);
      assert.equal(met.get(key) ?? caller.address, caller.address);
      met.set(key, caller.address);
      caller.finish(it.dialer);
      await turn();
    }
    assert.ok(new Set(met.values()).size > 1);
  });

  test('by response time learns from the heads of streams', async () => {
    const it = lab({}, { kind: 'peak-ewma' });
    const caller = await opened(it);
    it.clock.advance(40);
    caller.finish(it.dialer);
    assert.equal(Object(it.cluster.describe()[0]).responseMs, 40);
  });
});

type Step = {
  readonly act:
    | ('stream' | 'pooled' | 'own' | 'finish' | 'reset' | 'release' | 'lose' | 'goaway')
    | ('cancel' | 'connect' | 'fail' | 'move');
  readonly which: number;
};

test('whatever happens with streams and connections, limits hold and nobody is forgotten', async () => {
  const step: fc.Arbitrary<Step> = fc.record({
    act: fc.constantFrom(
      ...(['stream', 'stream', 'stream', 'stream', 'pooled', 'own', 'finish', 'finish'] as const),
      ...(['reset', 'release', 'release', 'lose', 'goaway', 'cancel', 'connect'] as const),
      ...(['connect', 'fail', 'move'] as const),
    ),
    which: fc.nat(1_000),
  });
  const balancers: LoadBalancer[] = [{ kind: 'least-request' }, { kind: 'round-robin' }, HASH];
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...balancers),
      fc.integer({ min: 1, max: 3 }),
      fc.array(step, { minLength: 20, maxLength: 100 }),
      async (balancer, streams, steps) => {
        const limits = { maxConnections: 3, maxPendingRequests: 4, maxRequests: 9 };
        const { cluster, dialer, endpoints, counts } = lab(limits, balancer);
        const addresses = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'];
        endpoints(...addresses.slice(0, 2));
        const callers: (Caller | StreamCaller)[] = [];
        const cancelled = new Set<Caller | StreamCaller>();
        const released = new Set<Caller>();
        const one = <T>(of: T[], which: number): T | undefined => of[which % of.length];
        const open = (): StreamCaller[] =>
          callers.filter((caller) => caller instanceof StreamCaller).filter((each) => each.open);
        const held = (): Caller[] =>
          callers
            .filter((caller) => caller instanceof Caller)
            .filter((caller) => caller.connection !== undefined && !released.has(caller));
        const release = (caller: Caller | undefined, reusable: boolean): void => {
          if (caller !== undefined) released.add(caller);
          caller?.connection?.release(reusable);
        };
        const connect = async (which: number): Promise<void> => {
          const before = dialer.connected.length;
          await one(dialer.dialing, which)?.answer();
          // Not all of them speak HTTP/2; the others do not mind.
          dialer.connected[before]?.settings(streams);
        };
        const act = async ({ act: what, which }: Step): Promise<void> => {
          const hashKey = `${which % 7}`;
          if (what === 'stream') callers.push(new StreamCaller(cluster, { hashKey }));
          else if (what === 'pooled') callers.push(new Caller(cluster, { hashKey }));
          else if (what === 'own') callers.push(new Caller(cluster, { hashKey, pooled: false }));
          else if (what === 'finish') one(open(), which)?.finish(dialer);
          else if (what === 'reset') one(open(), which)?.reset();
          else if (what === 'release') release(one(held(), which), which % 3 > 0);
          else if (what === 'lose') {
            const transport = one(dialer.open, which);
            for (const caller of held()) {
              if (caller.connection?.transport === transport) released.add(caller);
            }
            transport?.destroy();
          } else if (what === 'goaway') {
            const stream = one(open(), which);
            dialer.open.find(({ peer }) => peer.identity === stream?.slot?.identity)?.goaway();
          } else if (what === 'cancel') {
            const waiting = callers.filter((caller) => caller.waits && !cancelled.has(caller));
            const caller = one(waiting, which);
            if (caller !== undefined) cancelled.add(caller);
            caller?.acquisition.cancel();
          } else if (what === 'connect') await connect(which);
          else if (what === 'fail') {
            await one(dialer.dialing, which)?.answer(new MeshError('connect-failed', ''));
          } else endpoints(...addresses.slice(which % 3, (which % 3) + 2));
        };
        for (const each of steps) {
          await act(each);
          await turn();
          const { requests, connections, pendingRequests } = counts();
          assert.ok(connections <= 3 && pendingRequests <= 4 && requests <= 9);
          if (pendingRequests > 0) assert.equal(connections, 3);
        }
        for (let rounds = 0; dialer.dialing.length + held().length + open().length > 0; rounds++) {
          assert.ok(rounds < 1_000);
          await connect(0);
          for (const caller of held()) release(caller, true);
          for (const caller of open()) caller.finish(dialer);
          await turn();
        }
        for (const caller of callers) {
          assert.equal(caller.answers, cancelled.has(caller) ? 0 : 1, caller.constructor.name);
        }
        const { requests, connections, pendingRequests } = counts();
        assert.deepEqual([requests, pendingRequests], [0, 0]);
        assert.equal(dialer.open.length, connections);
        cluster.close();
        assert.equal(dialer.open.length, 0);
        assert.deepEqual(counts(), NOTHING);
      },
    ),
    { numRuns: 300 },
  );
});
