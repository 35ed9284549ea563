import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LabelSelector, matchesSelector, selectsLabels } from './selectors.ts';

const labels = { app: 'web', tier: 'front' };

const cases: { name: string; selector: LabelSelector; matches: boolean }[] = [
  { name: 'nothing', selector: {}, matches: true },
  { name: 'one label', selector: { matchLabels: { app: 'web' } }, matches: true },
  { name: 'another value', selector: { matchLabels: { app: 'db' } }, matches: false },
  {
    name: 'a label among several that differs',
    selector: { matchLabels: { app: 'web', tier: 'back' } },
    matches: false,
  },
  {
    name: 'In, listed',
    selector: { matchExpressions: [{ key: 'app', operator: 'In', values: ['db', 'web'] }] },
    matches: true,
  },
  {
    name: 'In, not listed',
    selector: { matchExpressions: [{ key: 'app', operator: 'In', values: ['db'] }] },
    matches: false,
  },
  {
    name: 'In, absent',
    selector: { matchExpressions: [{ key: 'zone', operator: 'In', values: ['a'] }] },
    matches: false,
  },
  {
    name: 'NotIn, listed',
    selector: { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['web'] }] },
    matches: false,
  },
  {
    name: 'NotIn, absent',
    selector: { matchExpressions: [{ key: 'zone', operator: 'NotIn', values: ['a'] }] },
    matches: true,
  },
  {
    name: 'Exists, there',
    selector: { matchExpressions: [{ key: 'app', operator: 'Exists' }] },
    matches: true,
  },
  {
    name: 'Exists, absent',
    selector: { matchExpressions: [{ key: 'zone', operator: 'Exists' }] },
    matches: false,
  },
  {
    name: 'Exists, a name that every object inherits',
    selector: { matchExpressions: [{ key: 'constructor', operator: 'Exists' }] },
    matches: false,
  },
  {
    name: 'DoesNotExist, there',
    selector: { matchExpressions: [{ key: 'app', operator: 'DoesNotExist' }] },
    matches: false,
  },
  {
    name: 'DoesNotExist, absent',
    selector: { matchExpressions: [{ key: 'zone', operator: 'DoesNotExist' }] },
    matches: true,
  },
];

for (const { name, selector, matches } of cases) {
  test(`a selector for ${name} ${matches ? 'selects' : 'does not select'}`, () => {
    assert.equal(matchesSelector(selector, labels), matches);
  });
}

test("a Service's empty selector selects nothing", () => {
  assert.equal(selectsLabels({}, labels), false);
  assert.equal(selectsLabels({ app: 'web' }, labels), true);
  assert.equal(selectsLabels({ app: 'web', x: 'y' }, labels), false);
});
