import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EMPTY_CONFIG } from '../config/store.ts';
import type { Config } from '../config/types.ts';
import { applyConfigChange, configChange } from './config-change.ts';

const WEB = { name: 'web' } as unknown as Config['routes'] extends ReadonlyMap<string, infer V>
  ? V
  : never;
const API = { ...WEB };

test('a change carries only what differs', () => {
  const previous: Config = { ...EMPTY_CONFIG, version: '1', routes: new Map([['a/web', WEB]]) };
  const next: Config = {
    ...previous,
    version: '2',
    routes: new Map([
      ['a/web', WEB],
      ['a/api', API],
    ]),
  };
  assert.deepEqual(configChange(previous, next), {
    version: '2',
    routes: { set: [['a/api', API]], removed: [] },
  });
});

test('a workload that is known to be nobody’s is no absent one', () => {
  const next: Config = { ...EMPTY_CONFIG, workloads: new Map([['10.0.0.1', null]]) };
  const change = structuredClone(configChange(EMPTY_CONFIG, next));
  assert.equal(applyConfigChange(EMPTY_CONFIG, change).workloads.get('10.0.0.1'), null);
});

const values = [WEB, API];
const maps = fc
  .dictionary(fc.constantFrom('a', 'b', 'c', 'd', '__proto__'), fc.constantFrom(...values))
  .map((entries) => new Map(Object.entries(entries)));
const configs = fc
  .record({ version: fc.string(), routes: maps })
  .map((parts): Config => ({ ...EMPTY_CONFIG, ...parts }));

test('what was compared comes out again, over any number of changes', () => {
  fc.assert(
    fc.property(fc.array(configs, { maxLength: 8 }), (states) => {
      let here: Config = EMPTY_CONFIG;
      let there: Config = EMPTY_CONFIG;
      for (const next of states) {
        there = applyConfigChange(there, structuredClone(configChange(here, next)));
        here = next;
        assert.deepEqual(there, here);
      }
    }),
  );
});
