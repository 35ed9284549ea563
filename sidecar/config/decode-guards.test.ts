import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Faults } from '../../proto/gen/remora/v1/Faults.ts';
import type { Push } from '../../proto/gen/remora/v1/Push.ts';
import type { RateLimits } from '../../proto/gen/remora/v1/RateLimits.ts';
import { v1 } from '../../proto/load.ts';
import { decodePush } from './decode.ts';

/* What of faults and rate limits is impossible is refused, whoever wrote it. */

const { responseSerialize, responseDeserialize } = v1.Config.service.Subscribe;

function decode(push: Push) {
  return decodePush(responseDeserialize(responseSerialize(push)));
}

function policy(fields: object): Push {
  const ports = [{ port: 80, policy: fields }];
  return {
    resources: [{ name: 'routes/shop/web', routes: { service: 'shop/web', ports } }],
  };
}

const faults = (fields: Faults): Push => policy({ faults: fields });
const fine = { name: 'l', requests: 1, windowMs: 1_000, burst: 1, maxKeys: 1 };
const key = { everybody: {} };
const limits = (fields: object, more: RateLimits = {}): Push =>
  policy({ rateLimits: { limits: [{ ...fine, key, ...fields }], ...more } });
const store = (fields: object): Push =>
  limits({ global: true }, { store: { redis: 'redis:6379', timeoutMs: 1, ...fields } });
const inbound = (ports: readonly number[]): Push => ({
  resources: [
    {
      name: 'settings',
      settings: {
        rateLimits: ports.map((port) => ({ port, limits: [{ limits: [{ ...fine, key }] }] })),
      },
    },
  ],
});

const cases: { name: string; push: Push; says: RegExp }[] = [
  {
    name: 'a share above all',
    push: faults({ delay: { durationMs: 1, partsPerMillion: 1_000_001 } }),
    says: /delay\.partsPerMillion: 1000001 is above 1000000/,
  },
  {
    name: 'a delay beyond what timers take',
    push: faults({ delay: { durationMs: 2 ** 31 } }),
    says: /delay\.durationMs: 2147483648 is above/,
  },
  {
    name: 'an abort without a status',
    push: faults({ abort: {} }),
    says: /abort: it says neither/,
  },
  {
    name: 'an abort that succeeds',
    push: faults({ abort: { httpStatus: 204 } }),
    says: /abort\.httpStatus: 204 is no status of an error/,
  },
  {
    name: 'an abort that succeeds for gRPC',
    push: faults({ abort: { grpcStatus: 0 } }),
    says: /abort\.grpcStatus: 0 is no status of an error/,
  },
  {
    name: 'a status that gRPC has not',
    push: faults({ abort: { grpcStatus: 17 } }),
    says: /abort\.grpcStatus: 17/,
  },
  {
    name: 'a rate of nothing',
    push: faults({ bandwidth: { bytesPerSecond: 0 } }),
    says: /bandwidth\.bytesPerSecond: 0 would let nothing through/,
  },
  ...['tomorrow', '2026-13-01T00:00:00Z', '2026-01-01', '1e300'].map((expiresAt) => ({
    name: `the time ${expiresAt}`,
    push: faults({ expiresAt }),
    says: /expiresAt: ".*" is no time of RFC 3339/,
  })),
  {
    name: 'a match by a broken expression',
    push: faults({ matches: [{ pathExpression: '(' }] }),
    says: /faults\.matches\[0\]\.pathExpression/,
  },
  { name: 'no limits', push: policy({ rateLimits: {} }), says: /limits: there is none/ },
  {
    name: 'a limit of nothing',
    push: limits({ requests: 0 }),
    says: /limits\[0\]\.requests: 0 would let nothing through/,
  },
  { name: 'an empty bucket', push: limits({ burst: 0 }), says: /burst: 0/ },
  {
    name: 'more than can be counted',
    push: limits({ requests: 2 ** 32 - 1 }),
    says: /requests: 4294967295 is above 1000000/,
  },
  { name: 'a window of less than a second', push: limits({ windowMs: 999 }), says: /windowMs/ },
  { name: 'no keys', push: limits({ maxKeys: 0 }), says: /maxKeys: 0/ },
  { name: 'too many keys', push: limits({ maxKeys: 100_001 }), says: /maxKeys: 100001 is above/ },
  { name: 'no key', push: limits({ key: {} }), says: /key: it says nothing/ },
  {
    name: 'a header that is none',
    push: limits({ key: { header: 'a b' } }),
    says: /key\.header: "a b" is no name/,
  },
  ...['', 'a"b', 'a\r\nb', 'ü', 'x'.repeat(65)].map((name) => ({
    name: `the name ${JSON.stringify(name).slice(0, 12)}`,
    push: limits({ name }),
    says: /limits\[0\]\.name: .* is no name/,
  })),
  { name: 'a global limit without a store', push: limits({ global: true }), says: /store/ },
  ...['redis', 'redis:', ':6379', 'a b:1', '::1:6379', 'redis:0', 'redis:65536', 'u@h:1'].map(
    (redis) => ({ name: `the address ${redis}`, push: store({ redis }), says: /store\.redis: / }),
  ),
  { name: 'a store without time', push: store({ timeoutMs: 0 }), says: /store\.timeoutMs: 0/ },
  { name: 'a port that is none', push: inbound([0]), says: /rateLimits\[0\]\.port: 0 is no port/ },
  { name: 'a port twice', push: inbound([80, 80]), says: /rateLimits: 80 stands there twice/ },
];

for (const { name, push, says } of cases) {
  test(`${name} is refused`, () => {
    assert.throws(() => decode(push), says);
  });
}

test('what is possible is taken', () => {
  for (const push of [limits({}), store({}), inbound([80, 81]), faults({})]) decode(push);
});
