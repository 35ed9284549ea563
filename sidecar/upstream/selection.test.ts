import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { memberAt } from '../../test/fakes/members.ts';
import type { LoadBalancer } from '../config/types.ts';
import type { Member } from './member.ts';
import { Selection } from './selection.ts';

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
  const members = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map(memberAt);
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
