import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Collection } from './collection.ts';
import { derive } from './derive.ts';
import { index } from './index-by.ts';
import { join } from './join.ts';
import { SourceCollection } from './source-collection.ts';
import { Turn } from './turn.ts';

function source<T>(turn: Turn, name: string, values: Record<string, T> = {}): SourceCollection<T> {
  const collection = new SourceCollection<T>(name, turn);
  for (const [key, value] of Object.entries(values)) collection.set(key, value);
  collection.markSynced();
  return collection;
}

/** The batches of changed keys that a collection told. */
function batches(collection: Collection<unknown>): string[][] {
  const told: string[][] = [];
  collection.subscribe((changedKeys) => told.push([...changedKeys].sort()));
  return told;
}

test('a derivation follows its input: added, changed, removed', () => {
  const turn = new Turn();
  const numbers = source(turn, 'numbers', { a: 1 });
  const doubled = derive('doubled', numbers, (value) => value * 2);
  turn.flush();
  assert.deepEqual([...doubled.entries()], [['a', 2]]);
  numbers.set('a', 5);
  numbers.set('b', 7);
  turn.flush();
  assert.deepEqual(
    [...doubled.entries()],
    [
      ['a', 10],
      ['b', 14],
    ],
  );
  numbers.delete('a');
  turn.flush();
  assert.equal(doubled.get('a'), undefined);
  assert.equal(doubled.size, 1);
});

test('an equal result is not told', () => {
  const turn = new Turn();
  const numbers = source(turn, 'numbers', { a: 1 });
  const signs = derive('signs', numbers, (value) => ({ positive: value > 0 }));
  turn.flush();
  const told = batches(signs);
  numbers.set('a', 2);
  turn.flush();
  assert.deepEqual(told, []);
  numbers.set('a', -2);
  turn.flush();
  assert.deepEqual(told, [['a']]);
});

test('an equal value in a source is not told', () => {
  const turn = new Turn();
  const values = source(turn, 'values', { a: { deep: [1, { x: 2 }] } });
  turn.flush();
  const told = batches(values);
  values.set('a', { deep: [1, { x: 2 }] });
  turn.flush();
  assert.deepEqual(told, []);
});

test('only the keys that fetched a changed value are computed again', () => {
  const turn = new Turn();
  const pods = source(turn, 'pods', { p1: 'n1', p2: 'n2' });
  const nodes = source(turn, 'nodes', { n1: 'zone-a', n2: 'zone-b' });
  const computed: string[] = [];
  const zones = derive(
    'zones',
    pods,
    (node, key, fetch) => {
      computed.push(key);
      return fetch(nodes, node) ?? 'nowhere';
    },
    { uses: [nodes] },
  );
  turn.flush();
  computed.length = 0;
  nodes.set('n2', 'zone-c');
  turn.flush();
  assert.deepEqual(computed, ['p2']);
  assert.equal(zones.get('p2'), 'zone-c');
  nodes.delete('n1');
  turn.flush();
  assert.equal(zones.get('p1'), 'nowhere');
  nodes.set('n1', 'zone-d');
  turn.flush();
  assert.equal(zones.get('p1'), 'zone-d', 'a key that was missing is a dependency too');
});

test('a derivation that reads undeclared collections says so', () => {
  const turn = new Turn();
  const one = source(turn, 'one', { a: 1 });
  const other = source(turn, 'other', { a: 1 });
  derive('broken', one, (_value, key, fetch) => fetch(other, key));
  assert.throws(() => turn.flush(), /broken fetches from other, which it does not use/);
});

test('changes of one turn arrive as one batch, computed once', async () => {
  const turn = new Turn();
  const left = source(turn, 'left', { a: 1 });
  const right = source(turn, 'right', { a: 10 });
  const viaLeft = derive('via-left', left, (value) => value + 1);
  let computed = 0;
  const sums = derive(
    'sums',
    viaLeft,
    (value, key, fetch) => {
      computed += 1;
      return value + (fetch(right, key) ?? 0);
    },
    { uses: [right] },
  );
  turn.flush();
  const told = batches(sums);
  computed = 0;
  left.set('a', 2);
  right.set('a', 20);
  left.set('a', 3);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(computed, 1);
  assert.equal(sums.get('a'), 24);
  assert.deepEqual(told, [['a']]);
});

test('nothing is computed before all inputs are there', () => {
  const turn = new Turn();
  const early = source(turn, 'early', { a: 1 });
  const late = new SourceCollection<number>('late', turn);
  const sums = derive('sums', early, (value, key, fetch) => value + (fetch(late, key) ?? 0), {
    uses: [late],
  });
  const byParity = index('by-parity', sums, (value) => [value % 2 === 0 ? 'even' : 'odd']);
  let woken = 0;
  byParity.subscribe(() => {
    woken += 1;
  });
  turn.flush();
  assert.equal(sums.size, 0);
  assert.equal(sums.synced, false);
  assert.equal(byParity.synced, false);
  late.set('a', 1);
  late.markSynced();
  assert.equal(sums.synced, false, 'not before the values are in place');
  turn.flush();
  assert.equal(sums.get('a'), 2);
  assert.equal(sums.synced, true);
  assert.equal(byParity.synced, true);
  assert.equal(woken, 1);
});

test('being synced is told along the graph, also when there is nothing to tell', () => {
  const turn = new Turn();
  const empty = new SourceCollection<number>('empty', turn);
  const same = derive('same', empty, (value) => value);
  const told = batches(same);
  turn.flush();
  empty.markSynced();
  turn.flush();
  assert.equal(same.synced, true);
  assert.deepEqual(told, [[]]);
});

test('with keepLast the last answer stays until the key is gone', () => {
  const turn = new Turn();
  const inputs = source<number | string>(turn, 'inputs', { a: 1 });
  const good = derive('good', inputs, (value) => (typeof value === 'number' ? value : undefined), {
    keepLast: true,
  });
  turn.flush();
  inputs.set('a', 'broken');
  inputs.set('b', 'broken from the start');
  turn.flush();
  assert.equal(good.get('a'), 1);
  assert.equal(good.get('b'), undefined);
  inputs.delete('a');
  turn.flush();
  assert.equal(good.get('a'), undefined);
});

test('a computation that throws keeps its last value, and is reported', () => {
  const reports: string[] = [];
  const turn = new Turn((collection, key, error) => reports.push(`${collection} ${key} ${error}`));
  const numbers = source(turn, 'numbers', { a: 1, b: 1 });
  const checked = derive('checked', numbers, (value) => {
    if (value > 1) throw new Error('too much');
    return value;
  });
  turn.flush();
  numbers.set('a', 2);
  numbers.set('b', 0);
  turn.flush();
  assert.deepEqual([checked.get('a'), checked.get('b')], [1, 0]);
  assert.deepEqual(reports, ['checked a Error: too much']);
});

test('an index holds values in order of their keys and tells of both places when one moves', () => {
  const turn = new Turn();
  const homes = source(turn, 'homes', { zoe: ['ulm'], ada: ['ulm', 'bonn'] });
  const byCity = index('by-city', homes, (cities) => cities);
  turn.flush();
  assert.deepEqual(byCity.get('ulm'), [['ulm', 'bonn'], ['ulm']]);
  const told = batches(byCity);
  homes.set('ada', ['kiel']);
  turn.flush();
  assert.deepEqual(told, [['bonn', 'kiel', 'ulm']]);
  assert.deepEqual([...byCity.entries()].sort(), [
    ['kiel', [['kiel']]],
    ['ulm', [['ulm']]],
  ]);
  assert.equal(byCity.get('bonn'), undefined);
  assert.equal(byCity.size, 2);
});

test('a join prefers the earlier collection and falls back to the later', () => {
  const turn = new Turn();
  const first = source(turn, 'first', { a: 1 });
  const second = source(turn, 'second', { a: 2, b: 3 });
  const both = join('both', [first, second]);
  turn.flush();
  assert.deepEqual(Object.fromEntries(both.entries()), { a: 1, b: 3 });
  first.delete('a');
  second.delete('b');
  turn.flush();
  assert.deepEqual(Object.fromEntries(both.entries()), { a: 2 });
  assert.equal(both.size, 1);
});

test('after any sequence of changes, the graph equals one computed from scratch', () => {
  const key = fc.constantFrom('a', 'b', 'c', 'd');
  const step = fc.oneof(
    fc.record({ on: fc.constantFrom('left', 'right'), key, value: fc.integer({ min: 0, max: 5 }) }),
    fc.record({ on: fc.constantFrom('left', 'right'), key, value: fc.constant(undefined) }),
    fc.constant('flush' as const),
  );
  const build = (turn: Turn, left: Collection<number>, right: Collection<number>) => {
    const byValue = index('by-value', right, (value) => [String(value % 3)]);
    const sums = derive(
      'sums',
      left,
      (value, name, fetch) => {
        if (value === 5) return undefined;
        const near = fetch(byValue, String(value % 3)) ?? [];
        return [value, fetch(right, name) ?? -1, ...near];
      },
      { uses: [right, byValue] },
    );
    const bySize = index('by-size', sums, (values) => [String(values.length)]);
    const all = join<readonly number[]>('all', [sums, byValue]);
    const final = derive(
      'final',
      all,
      (values, _name, fetch) => [values, fetch(bySize, String(values.length)) ?? []],
      { uses: [bySize] },
    );
    turn.flush();
    return [byValue, sums, bySize, all, final] as const;
  };
  const contents = (graph: readonly Collection<unknown>[]) =>
    graph.map((collection) => [
      collection.size,
      [...collection.entries()].sort(([a], [b]) => (a < b ? -1 : 1)),
    ]);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const turn = new Turn();
      const left = source<number>(turn, 'left');
      const right = source<number>(turn, 'right');
      const graph = build(turn, left, right);
      for (const one of steps) {
        if (one === 'flush') turn.flush();
        else {
          const target = one.on === 'left' ? left : right;
          if (one.value === undefined) target.delete(one.key);
          else target.set(one.key, one.value);
        }
      }
      turn.flush();
      const fresh = new Turn();
      const scratch = build(
        fresh,
        source(fresh, 'left', Object.fromEntries(left.entries())),
        source(fresh, 'right', Object.fromEntries(right.entries())),
      );
      assert.deepEqual(contents(graph), contents(scratch));
    }),
    { numRuns: 300 },
  );
});
