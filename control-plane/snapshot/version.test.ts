import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonical, versioned, versionOf } from './version.ts';

test('the order of fields does not matter, the order of lists does', () => {
  assert.equal(
    canonical({ b: 1, a: { d: [1, 2], c: 3 } }),
    canonical({ a: { c: 3, d: [1, 2] }, b: 1 }),
  );
  assert.notEqual(canonical([1, 2]), canonical([2, 1]));
});

test('a set has one version, whatever its order, and another with any change', () => {
  const one = versioned('settings', { kind: 'endpoints', service: 'a/b', endpoints: [] });
  const two = versioned('endpoints/a/b', { kind: 'endpoints', service: 'a/b', endpoints: [] });
  assert.equal(one.version, two.version);
  assert.match(one.version, /^[0-9a-f]{16}$/);
  assert.equal(versionOf([one, two]), versionOf([two, one]));
  assert.notEqual(versionOf([one, two]), versionOf([one]));
  const renamed = { ...two, name: 'endpoints/a/c' };
  assert.notEqual(versionOf([one, two]), versionOf([one, renamed]));
});
