import assert from 'node:assert/strict';
import { test } from 'node:test';
import { familyOf, parseCidrs, parsePorts } from './port-lists.ts';

test('ports come sorted, each once; spaces and empty entries do not matter', () => {
  assert.deepEqual(parsePorts(' 9000, 80,,80 '), [80, 9000]);
  assert.deepEqual(parsePorts(''), []);
});

for (const text of ['0', '65536', '-1', '80-90', '8e1', '0x50', 'http', '80;443']) {
  test(`"${text}" is no port`, () => {
    assert.throws(() => parsePorts(text), { code: 'bad-list' });
  });
}

test('a bare address is a network of itself', () => {
  assert.deepEqual(parseCidrs('10.0.0.0/8, 192.0.2.7,fd00::/8,fd00::1'), [
    '10.0.0.0/8',
    '192.0.2.7/32',
    'fd00::/8',
    'fd00::1/128',
  ]);
});

for (const text of [
  '10.0.0.0/33',
  '10.0.0/8',
  'fd00::/129',
  'fe80::1%eth0',
  'a/8',
  '1.2.3.4/8/8',
  '1.2.3.4/-1',
  '1.2.3.4/ 8 -j ACCEPT',
]) {
  test(`"${text}" is no network`, () => {
    assert.throws(() => parseCidrs(text), { code: 'bad-list' });
  });
}

test('the family of a network', () => {
  assert.equal(familyOf('10.0.0.0/8'), 'ipv4');
  assert.equal(familyOf('fd00::/8'), 'ipv6');
});
