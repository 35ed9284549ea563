import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownPlaces } from './own-places.ts';

const isOwn = ownPlaces(['10.1.0.7', 'fd00::7'], [15000, 15001]);

for (const host of [
  '127.0.0.1',
  '127.9.9.9',
  'localhost',
  '::1',
  '0:0:0:0:0:0:0:1',
  '::ffff:127.0.0.1',
  '::ffff:7f00:1',
  '0.0.0.0',
  '::',
  '10.1.0.7',
  '::ffff:10.1.0.7',
  'fd00:0::7',
]) {
  test(`${host} is this machine`, () => {
    assert.equal(isOwn(host, 15000), true);
    assert.equal(isOwn(host, 8080), false);
  });
}

test('others may use the same ports', () => {
  assert.equal(isOwn('10.1.0.8', 15000), false);
  assert.equal(isOwn('cart.shop', 15001), false);
});
