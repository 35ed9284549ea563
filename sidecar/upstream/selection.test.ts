import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { memberAt } from '../../test/fakes/members.ts';
import type { LoadBalancer } from '../config/types.ts';
import type { Member } from './member.ts';
import { Selection } from './selection.ts';
import { NewcomerShares } from './slow-start.ts';

function selection(policy: LoadBalancer): {
  clock: ManualClock;
  selected: Selection;
  members: Member[];
  pick: (hashKey?: string) => string | undefined;
} {
  const clock = new ManualClock();
  const selected = new Selection({
    name: 'shop/cart:80',
    clock,
    random: () => 0,
    inFlight: () => 0,
    source: 'shop/web',
  });
  const members = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((address) => memberAt(address));
  selected.configure(policy);
  selected.setMembers(members);
  const pick = (hashKey?: string): string | undefined =>
    selected.pick({ tried: [], connectTimeoutMs: 0, hashKey }, [])?.endpoint.address;
  return { clock, selected, members, pick };
}

describe('a balancer', () => {
  test('keeps what it has learned over a configuration that asks for the same', () => {
    const { clock, selected, members } = selection({ kind: 'peak-ewma' });
    const [first] = members;
    assert.ok(first);
    const sinceMs = selected.nowMs();
    clock.advance(40);
    selected.observe(first, sinceMs, true);
    selected.configure({ kind: 'peak-ewma' });
    assert.deepEqual(selected.describe(first), { responseMs: 40 });
    selected.configure({ kind: 'round-robin' });
    assert.equal(selected.describe(first), undefined);
    selected.configure({ kind: 'peak-ewma' });
    assert.deepEqual(selected.describe(first), { responseMs: null });
  });

  test('is asked the time only where it goes by it', () => {
    const { clock, selected, members } = selection({ kind: 'least-request' });
    const [first] = members;
    assert.ok(first);
    const sinceMs = selected.nowMs();
    assert.equal(sinceMs, 0);
    selected.configure({ kind: 'peak-ewma' });
    clock.advance(10);
    // A loan from before: how long it took is not known.
    selected.observe(first, sinceMs, true);
    assert.deepEqual(selected.describe(first), { responseMs: null });
  });

  test('picks nobody who is out, and takes back who comes back', () => {
    const { selected, members, pick } = selection({ kind: 'round-robin' });
    const [first] = members;
    assert.ok(first);
    first.health.state = 'ejected';
    selected.recount();
    assert.deepEqual(new Set([pick(), pick(), pick(), pick()]), new Set(['10.0.0.2', '10.0.0.3']));
    first.health.state = 'in';
    selected.recount();
    assert.equal(new Set([pick(), pick(), pick()]).size, 3);
  });

  test('keeps the keys of the others where an endpoint is out', () => {
    const hash = { kind: 'header', name: 'x' } as const;
    const { selected, members, pick } = selection({ kind: 'ring-hash', hash });
    const keys = Array.from({ length: 100 }, (_, index) => `${index}`);
    const before = keys.map(pick);
    const [first] = members;
    assert.ok(first);
    first.health.state = 'ejected';
    selected.recount();
    keys.forEach((key, index) => {
      if (before[index] === '10.0.0.1') assert.notEqual(pick(key), '10.0.0.1');
      else assert.equal(pick(key), before[index]);
    });
    first.health.state = 'in';
    selected.recount();
    assert.deepEqual(keys.map(pick), before);
  });

  test('goes to the next endpoint of a key where the first was tried', () => {
    const hash = { kind: 'header', name: 'x' } as const;
    const { selected, members } = selection({ kind: 'ring-hash', hash });
    const request = { connectTimeoutMs: 0, hashKey: 'a' };
    const first = selected.pick({ ...request, tried: [] }, []);
    assert.ok(first);
    const second = selected.pick({ ...request, tried: [first.endpoint] }, []);
    assert.ok(second && second !== first);
    const third = selected.pick({ ...request, tried: [first.endpoint] }, [second]);
    assert.ok(third && third !== first && third !== second);
    const tried = members.map(({ endpoint }) => endpoint);
    assert.equal(selected.pick({ ...request, tried }, []), first);
  });
});

test('where too few endpoints are left, all are used', () => {
  const { selected, members, pick } = selection({ kind: 'round-robin' });
  selected.minHealthyPercent = 50;
  const picked = members.map((member) => {
    member.health.state = 'ejected';
    selected.recount();
    return new Set(Array.from({ length: 6 }, () => pick())).size;
  });
  assert.deepEqual(picked, [2, 3, 3]);
});

describe('endpoints of the own zone', () => {
  const REQUEST = { tried: [], connectTimeoutMs: 0 };

  function inZones(zone: string): { members: Member[]; picked: () => Set<string> } {
    const selected = new Selection({
      ...{ name: 'shop/cart:80', clock: new ManualClock(), random: () => 0 },
      ...{ inFlight: () => 0, source: 'shop/web' },
    });
    const members = ['a', 'a', 'a', 'b', 'b'].map((one, at) => memberAt(`10.0.0.${at}`, one));
    selected.configure({ kind: 'round-robin', locality: { minHealthyPercent: 60 } }, zone);
    selected.setMembers(members);
    const picked = (): Set<string> => {
      selected.recount();
      const zones = members.map(() => selected.pick(REQUEST, [])?.endpoint.workload.zone ?? '');
      const tried = members.slice(0, 3).map(({ endpoint }) => endpoint);
      const next = selected.pick({ ...REQUEST, tried }, []);
      assert.equal(next?.endpoint.workload.zone, 'b', 'others where the near ones were tried');
      return new Set(zones);
    };
    return { members, picked };
  }

  test('come first, while enough of them are left', () => {
    const { members, picked } = inZones('a');
    const eject = (at: number): void => {
      const member = members[at];
      if (member !== undefined) member.health.state = 'ejected';
    };
    assert.deepEqual(picked(), new Set(['a']));
    eject(0);
    assert.deepEqual(picked(), new Set(['a']), 'two of three are enough');
    eject(1);
    assert.deepEqual(picked(), new Set(['a', 'b']), 'one of three is not');
  });

  for (const zone of ['', 'elsewhere']) {
    test(`are those of all zones for a caller in the zone '${zone}'`, () => {
      assert.deepEqual(inZones(zone).picked(), new Set(['a', 'b']));
    });
  }
});

describe('an endpoint that is new', () => {
  function grown(): { clock: ManualClock; shareAfter: (ms: number) => number; members: Member[] } {
    const clock = new ManualClock();
    let drawn = 0;
    // Every hundredth, in turn.
    const random = (): number => (drawn++ % 100) / 100;
    const selected = new Selection({
      ...{ name: 'shop/cart:80', clock, random, inFlight: () => 0, source: 'shop/web' },
    });
    const slowStart = { windowMs: 10_000, minPercent: 10 };
    selected.configure({ kind: 'round-robin', slowStart });
    const members = ['10.0.0.1', '10.0.0.2'].map((address) => memberAt(address));
    const [old, young] = members;
    assert.ok(old && young);
    selected.setMembers([old]);
    selected.setMembers(members);
    const shareAfter = (ms: number): number => {
      clock.advance(ms);
      return Object(selected.describe(young)).share;
    };
    const request = { tried: [], connectTimeoutMs: 0 };
    const picks = Array.from({ length: 400 }, () => selected.pick(request, []));
    const given = picks.filter((picked) => picked === young).length;
    // A tenth of its turns, which are half of all.
    assert.ok(given > 0 && given <= 40, `${given} of 400`);
    assert.equal(Object(selected.describe(old)).share, 1);
    return { clock, shareAfter, members };
  }

  test('gets a share that grows to that of the others', () => {
    const { shareAfter } = grown();
    assert.deepEqual([shareAfter(0), shareAfter(5_000), shareAfter(5_000)], [0.1, 0.5, 1]);
  });

  test('is not looked at any more after the window, even where nobody picks it', () => {
    const newcomers = new NewcomerShares();
    newcomers.policy = { windowMs: 10_000, minPercent: 10 };
    newcomers.add(memberAt('10.0.0.1'), 0);
    const others = [memberAt('10.0.0.2')];
    newcomers.takingPart(others, 9_999, () => 0);
    assert.equal(newcomers.isEmpty, false);
    assert.equal(
      newcomers.takingPart(others, 10_000, () => 0),
      others,
    );
    assert.equal(newcomers.isEmpty, true);
  });

  test('is not new where all are', () => {
    const { members, pick } = selection({
      kind: 'round-robin',
      slowStart: { windowMs: 10_000, minPercent: 1 },
    });
    assert.equal(new Set(members.map(() => pick())).size, 3);
  });
});
