import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { DenseSet } from './dense-set.ts';

class Item {
  place = -1;
}

suite('a dense set', () => {
  test('holds what a set holds, whatever comes and goes', () => {
    const step = fc.record({ adds: fc.boolean(), which: fc.nat(1_000) });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const dense = new DenseSet<Item>();
        const model = new Set<Item>();
        for (const { adds, which } of steps) {
          const item = adds ? new Item() : [...model][which % Math.max(model.size, 1)];
          if (item === undefined) continue;
          if (adds) {
            dense.add(item);
            model.add(item);
          } else {
            dense.delete(item);
            model.delete(item);
          }
          assert.equal(dense.size, model.size);
          assert.deepEqual(new Set(dense.all()), model);
        }
      }),
    );
  });

  test('takes no notice of what left it before', () => {
    const dense = new DenseSet<Item>();
    const [first, second] = [new Item(), new Item()];
    dense.add(first);
    dense.add(second);
    dense.delete(first);
    dense.delete(first);
    assert.deepEqual(dense.all(), [second]);
  });

  test('may change while it is walked through', () => {
    const dense = new DenseSet<Item>();
    for (let i = 0; i < 4; i++) dense.add(new Item());
    for (const item of dense.all()) dense.delete(item);
    assert.equal(dense.size, 0);
  });
});
