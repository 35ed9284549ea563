import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EnvReader, parseSocketAddress } from './env.ts';

const addresses: { text: string; host?: string; port?: number }[] = [
  { text: '127.0.0.1:80', host: '127.0.0.1', port: 80 },
  {
    text: 'control-plane.remora-system.svc:15010',
    host: 'control-plane.remora-system.svc',
    port: 15010,
  },
  { text: '[::1]:0', host: '::1', port: 0 },
  { text: '::1:80' },
  { text: 'host' },
  { text: 'host:' },
  { text: ':80' },
  { text: 'host:65536' },
  { text: 'ho st:80' },
];

for (const { text, host, port } of addresses) {
  test(`"${text}" is ${host === undefined ? 'no address' : `${host} and ${port}`}`, () => {
    assert.deepEqual(parseSocketAddress(text), host === undefined ? undefined : { host, port });
  });
}

test('every bad variable is reported in one error', () => {
  const env = new EnvReader({ A: 'x', B: '99', C: 'loud', D: 'nowhere', F: '' });
  env.integer('A', 1, { min: 0, max: 10 });
  env.integer('B', 1, { min: 0, max: 10 });
  env.oneOf('C', ['quiet', 'normal'], 'normal');
  env.address('D');
  env.address('E');
  env.text('F');
  assert.throws(() => env.throwIfBad(), {
    code: 'bad-environment',
    message:
      'bad environment: A must be a whole number from 0 to 10, and is "x"; ' +
      'B must be a whole number from 0 to 10, and is "99"; ' +
      'C must be one of quiet, normal, and is "loud"; ' +
      'D must be host:port, and is "nowhere"; E is not set; F is not set',
  });
});

test('an empty variable counts as unset', () => {
  const env = new EnvReader({ A: '', B: '', C: '' });
  assert.equal(env.text('A', 'fallback'), 'fallback');
  assert.equal(env.integer('B', 7, { min: 0, max: 10 }), 7);
  assert.equal(env.optional('C'), undefined);
  env.throwIfBad();
});
