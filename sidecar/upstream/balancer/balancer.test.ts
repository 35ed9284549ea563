import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ManualClock } from '../../../runtime/clock.ts';
import type { Balancer, Candidate } from './balancer.ts';
import { LeastRequest } from './least-request.ts';
import { PeakEwma } from './peak-ewma.ts';
import { loadBound, RingHash } from './ring-hash.ts';
import { RoundRobin } from './round-robin.ts';

interface Endpoint extends Candidate {
  inFlight: number;
}

function endpoints(count: number): Endpoint[] {
  return Array.from({ length: count }, (_, index) => ({
    key: `10.0.${index >> 8}.${index & 255}|8080|shop/cart-${index}|cart|15008`,
    inFlight: 0,
  }));
}

/** Numbers from 0 to 1 that are the same in every run (mulberry32). */
function seeded(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function ring(members: readonly Endpoint[], defaultKey?: string): RingHash<Endpoint> {
  const inFlight = (): number => members.reduce((sum, member) => sum + member.inFlight, 0);
  const made = new RingHash<Endpoint>({ random: seeded(1), inFlight, defaultKey });
  made.setMembers(members);
  return made;
}

const keys = (count: number): string[] => Array.from({ length: count }, (_, i) => `user-${i}`);

/** How often each of the members is picked. */
function shares(
  balancer: Balancer<Endpoint>,
  members: readonly Endpoint[],
  picks: readonly (string | undefined)[],
): number[] {
  const counts = new Map<Endpoint, number>(members.map((member) => [member, 0]));
  for (const key of picks) {
    const picked = balancer.pick(members, key);
    assert.ok(picked);
    counts.set(picked, (counts.get(picked) ?? 0) + 1);
  }
  return [...counts.values()];
}

const without = (count: number): undefined[] => new Array<undefined>(count).fill(undefined);

const balancers: { name: string; make: () => Balancer<Endpoint> }[] = [
  { name: 'least request', make: () => new LeastRequest(seeded(7)) },
  { name: 'peak EWMA', make: () => new PeakEwma(new ManualClock(), seeded(7)) },
  { name: 'round robin', make: () => new RoundRobin(seeded(7)) },
  {
    name: 'ring hash',
    make: () => new RingHash({ random: seeded(7), inFlight: () => 0, defaultKey: undefined }),
  },
];

for (const { name, make } of balancers) {
  describe(`${name}, whatever it goes by,`, () => {
    test('gives equals the same share', () => {
      const members = endpoints(10);
      const balancer = make();
      balancer.setMembers(members);
      for (const count of shares(balancer, members, without(20_000))) {
        assert.ok(Math.abs(count - 2_000) < 200, `${count} of 20,000`);
      }
    });

    test('picks candidates only, and nobody where there are none', () => {
      const members = endpoints(6);
      const balancer = make();
      balancer.setMembers(members);
      assert.equal(balancer.pick([], 'a'), undefined);
      for (let count = 1; count < members.length; count++) {
        const candidates = members.slice(0, count);
        const picked = new Set<Endpoint | undefined>();
        for (const key of keys(200)) {
          picked.add(balancer.pick(candidates, key));
          picked.add(balancer.pick(candidates, undefined));
        }
        assert.deepEqual(picked, new Set(candidates));
      }
    });

    test('gives an endpoint that joins its share at once, and one that left nothing', () => {
      const members = endpoints(5);
      const balancer = make();
      balancer.setMembers(members.slice(0, 4));
      shares(balancer, members.slice(0, 4), keys(100));
      const next = members.slice(1);
      balancer.setMembers(next);
      for (const count of shares(balancer, next, keys(4_000))) {
        assert.ok(count > 600 && count < 1_400, `${count} of 4,000`);
      }
    });
  });
}

describe('least request', () => {
  test('never takes the busiest of all, and prefers those with less', () => {
    const members = endpoints(4);
    members.forEach((member, index) => {
      member.inFlight = index;
    });
    const [idle, little, more, busiest] = shares(
      new LeastRequest(seeded(3)),
      members,
      without(6_000),
    );
    assert.equal(busiest, 0);
    // By two draws of four: 1/2, 1/3, 1/6.
    assert.ok(Math.abs((idle ?? 0) - 3_000) < 200);
    assert.ok(Math.abs((little ?? 0) - 2_000) < 200);
    assert.ok(Math.abs((more ?? 0) - 1_000) < 200);
  });
});

describe('round robin', () => {
  test('takes one after the other, whatever they have under way', () => {
    const members = endpoints(3);
    if (members[1]) members[1].inFlight = 99;
    const balancer = new RoundRobin<Endpoint>(seeded(5));
    const picked = Array.from({ length: 9 }, () =>
      members.indexOf(balancer.pick(members) as Endpoint),
    );
    const [first = 0] = picked;
    assert.deepEqual(
      picked,
      picked.map((_, index) => (first + index) % 3),
    );
  });

  test('does not begin with the same one in every sidecar', () => {
    const members = endpoints(8);
    const first = new Set<Endpoint | undefined>();
    for (let seed = 0; seed < 50; seed++)
      first.add(new RoundRobin<Endpoint>(seeded(seed)).pick(members));
    assert.ok(first.size > 4);
  });
});

describe('peak EWMA', () => {
  function measured(...responseMs: number[]): {
    clock: ManualClock;
    members: Endpoint[];
    balancer: PeakEwma<Endpoint>;
  } {
    const clock = new ManualClock();
    const members = endpoints(responseMs.length);
    const balancer = new PeakEwma<Endpoint>(clock, seeded(11));
    balancer.setMembers(members);
    responseMs.forEach((ms, index) => {
      balancer.observe(members[index] as Endpoint, ms, true);
    });
    return { clock, members, balancer };
  }

  test('of two takes the faster one', () => {
    const { members, balancer } = measured(10, 100);
    assert.deepEqual(shares(balancer, members, without(100)), [100, 0]);
  });

  test('weighs response time by what is under way', () => {
    const { members, balancer } = measured(10, 100);
    const [fast] = members;
    assert.ok(fast);
    fast.inFlight = 8;
    assert.equal(balancer.pick(members), fast);
    fast.inFlight = 10;
    assert.equal(balancer.pick(members), members[1]);
  });

  test('believes a slower response at once, and faster ones only with time', () => {
    const { clock, members, balancer } = measured(10, 100);
    const [first, second] = members;
    assert.ok(first && second);
    balancer.observe(first, 1_000, true);
    assert.equal(balancer.pick(members), second);
    for (let i = 0; i < 1_000; i++) balancer.observe(first, 10, true);
    assert.equal(balancer.pick(members), second);
    for (let i = 0; i < 60; i++) {
      clock.advance(1_000);
      balancer.observe(first, 10, true);
      balancer.observe(second, 100, true);
    }
    assert.equal(balancer.pick(members), first);
  });

  test('gives a slow endpoint another chance once its slowness is long ago', () => {
    const { clock, members, balancer } = measured(20, 2_000);
    const [fast, slow] = members;
    assert.ok(fast && slow);
    let waitedMs = 0;
    while (balancer.pick(members) === fast) {
      clock.advance(1_000);
      waitedMs += 1_000;
      balancer.observe(fast, 20, true);
      assert.ok(waitedMs < 120_000, 'the slow one never came back');
    }
    // ln(2,000 / 20) times 10 s: not before.
    assert.equal(waitedMs, 47_000);
    for (let i = 0; i < 10; i++) {
      for (const member of members) balancer.observe(member, 20, true);
      clock.advance(1_000);
    }
    fast.inFlight = 1;
    assert.equal(balancer.pick(members), slow);
  });

  test('lets one request find out about an endpoint of which nothing is known', () => {
    const { members, balancer } = measured(50);
    const [known, fresh] = [...members, ...endpoints(2).slice(1)];
    assert.ok(known && fresh);
    const both = [known, fresh];
    balancer.setMembers(both);
    assert.equal(balancer.pick(both), fresh);
    fresh.inFlight = 1;
    known.inFlight = 100;
    assert.equal(balancer.pick(both), known);
    balancer.observe(fresh, 5, true);
    assert.equal(balancer.pick(both), fresh);
  });

  test('goes by what is under way where no response times are known, as with TCP', () => {
    const members = endpoints(2);
    const balancer = new PeakEwma<Endpoint>(new ManualClock(), seeded(2));
    balancer.setMembers(members);
    const [one, other] = members;
    assert.ok(one && other);
    one.inFlight = 2;
    other.inFlight = 1;
    assert.equal(balancer.pick(members), other);
  });

  test('does not take fast failures for speed, and slow ones for what they are', () => {
    const { members, balancer } = measured(30, 20);
    const [failing, good] = members;
    assert.ok(failing && good);
    for (let i = 0; i < 100; i++) balancer.observe(failing, 1, false);
    assert.equal(balancer.pick(members), good);
    balancer.observe(good, 500, false);
    assert.equal(balancer.pick(members), failing);
  });

  test('keeps a burst from running to whoever was not heard of for long', () => {
    const { clock, members, balancer } = measured(5, 5_000);
    clock.advance(600_000);
    const [fast] = members;
    assert.ok(fast);
    balancer.observe(fast, 5, true);
    for (let i = 0; i < 60; i++) {
      const picked = balancer.pick(members);
      assert.ok(picked);
      picked.inFlight += 1;
    }
    const slow = members[1]?.inFlight ?? 0;
    assert.ok(slow <= 51, `${slow} of 60`);
    assert.ok(fast.inFlight >= 9, `${fast.inFlight} of 60`);
  });

  test('tells what it has learned, and forgets who left', () => {
    const { clock, members, balancer } = measured(10, 20);
    const [first, second] = members;
    assert.ok(first && second);
    clock.advance(10_000);
    assert.deepEqual(balancer.describe(first), { responseMs: 3.679 });
    balancer.setMembers([second]);
    assert.deepEqual(balancer.describe(first), { responseMs: null });
    assert.deepEqual(balancer.describe(second), { responseMs: 7.358 });
  });
});

describe('ring hash', () => {
  test('sends equal keys to the same endpoint, from every sidecar', () => {
    const here = endpoints(10);
    const there = endpoints(10).reverse();
    const [mine, theirs] = [ring(here), ring(there)];
    for (const key of keys(500)) {
      const picked = mine.pick(here, key);
      assert.equal(mine.pick(here, key), picked);
      assert.equal(theirs.pick(there, key)?.key, picked?.key);
    }
  });

  test('gives every endpoint about the same share of the keys', () => {
    const members = endpoints(20);
    for (const count of shares(ring(members), members, keys(40_000))) {
      assert.ok(count > 1_300 && count < 2_700, `${count} of 40,000 where 2,000 are due`);
    }
  });

  for (const count of [2, 5, 20, 100]) {
    test(`moves only the keys of the one of ${count} that leaves, and back`, () => {
      const members = endpoints(count);
      const balancer = ring(members);
      const before = keys(5_000).map((key) => balancer.pick(members, key));
      const gone = members[1];
      const rest = members.filter((member) => member !== gone);
      balancer.setMembers(rest);
      const after = keys(5_000).map((key) => balancer.pick(rest, key));
      const moved = before.filter((member, index) => member !== after[index]);
      assert.ok(moved.every((member) => member === gone));
      const share = moved.length / 5_000;
      assert.ok(share > 0.5 / count && share < 1.5 / count, `${share} moved`);
      balancer.setMembers(members);
      assert.deepEqual(
        keys(5_000).map((key) => balancer.pick(members, key)),
        before,
      );
    });
  }

  test('treats an endpoint that is out for a while as one that left', () => {
    const members = endpoints(8);
    const balancer = ring(members);
    const rest = members.slice(1);
    const out = keys(1_000).map((key) => balancer.pick(rest, key));
    balancer.setMembers(rest);
    assert.deepEqual(
      keys(1_000).map((key) => balancer.pick(rest, key)),
      out,
    );
  });

  test('keeps its ring where the endpoints are the same in another order', () => {
    const members = endpoints(50);
    const balancer = ring(members);
    const before = keys(100).map((key) => balancer.pick(members, key));
    const turned = [...members].reverse();
    balancer.setMembers(turned);
    assert.deepEqual(
      keys(100).map((key) => balancer.pick(turned, key)),
      before,
    );
  });

  test('is the same ring, however its members came together', () => {
    const all = endpoints(12);
    const membership = fc.subarray(all, { minLength: 1 });
    fc.assert(
      fc.property(fc.array(membership, { minLength: 1, maxLength: 8 }), (steps) => {
        const grown = ring(all);
        grown.pick(all, 'a');
        for (const members of steps) {
          grown.setMembers(members);
          const fresh = ring(members);
          for (const key of keys(50)) {
            assert.equal(grown.pick(members, key), fresh.pick(members, key));
          }
        }
      }),
    );
  });

  test('goes by what is under way where a request has no key', () => {
    const members = endpoints(2);
    if (members[0]) members[0].inFlight = 1;
    const balancer = ring(members);
    for (let i = 0; i < 50; i++) assert.equal(balancer.pick(members, undefined), members[1]);
  });

  test('takes the key of the pod where the source decides', () => {
    const members = endpoints(50);
    const pods = keys(200).map((pod) => ring(members, `shop/${pod}`).pick(members, undefined));
    assert.equal(ring(members, 'shop/user-0').pick(members, undefined), pods[0]);
    assert.ok(new Set(pods).size > 30);
  });

  test('stays where the source decides, however much is under way there', () => {
    const members = endpoints(5);
    const balancer = ring(members, 'shop/web-1');
    const first = balancer.pick(members, undefined);
    for (let i = 0; i < 50; i++) {
      if (first) first.inFlight += 1;
      assert.equal(balancer.pick(members, undefined), first);
    }
  });

  test('keeps every endpoint under its bound, whatever the keys are', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.array(fc.record({ key: fc.nat(5), ends: fc.boolean(), which: fc.nat() }), {
          minLength: 50,
          maxLength: 400,
        }),
        (count, steps) => {
          const members = endpoints(count);
          const balancer = ring(members);
          const underWay: Endpoint[] = [];
          for (const { key, ends, which } of steps) {
            const picked = balancer.pick(members, `key-${key}`);
            assert.ok(picked);
            picked.inFlight += 1;
            underWay.push(picked);
            assert.ok(picked.inFlight <= loadBound(underWay.length, count));
            if (!ends) continue;
            const [ended] = underWay.splice(which % underWay.length, 1);
            if (ended) ended.inFlight -= 1;
          }
        },
      ),
    );
  });

  test('moves a key on when its endpoint is at the bound, and back when it is not', () => {
    const members = endpoints(4);
    const balancer = ring(members);
    const home = balancer.pick(members, 'hot');
    assert.ok(home);
    home.inFlight = loadBound(9, 4);
    const next = balancer.pick(members, 'hot');
    assert.notEqual(next, home);
    assert.equal(balancer.pick(members, 'hot'), next);
    home.inFlight = 0;
    assert.equal(balancer.pick(members, 'hot'), home);
  });

  test('bounds an endpoint by a quarter above the mean, but not below what is no load', () => {
    const table: [inFlight: number, endpoints: number, bound: number][] = [
      [1, 1, 8],
      [1, 10, 8],
      [64, 10, 8],
      [65, 10, 9],
      [100, 10, 13],
      [1_000, 10, 125],
    ];
    for (const [inFlight, count, bound] of table) assert.equal(loadBound(inFlight, count), bound);
  });
});
