import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultPolicyKind } from '../watch/custom-kinds.ts';
import { faultSettings } from './faults.ts';

const targetRefs = [{ kind: 'Service', name: 'web' }];

function settingsOf(spec: object) {
  const read = faultPolicyKind.parse({
    metadata: { name: 'p', namespace: 'shop' },
    spec: { targetRefs, ...spec },
  });
  assert.ok(read.spec, read.invalid?.message);
  return faultSettings(read.spec, 'shop/p').faults;
}

const cases: { name: string; spec: object; faults: object }[] = [
  {
    name: 'a delay of all',
    spec: { delay: { duration: '1m' } },
    faults: { matches: [], delay: { durationMs: 60_000, partsPerMillion: 1_000_000 } },
  },
  {
    name: 'a share in small steps',
    spec: { delay: { duration: '1ms', percent: 0.0001 } },
    faults: { matches: [], delay: { durationMs: 1, partsPerMillion: 1 } },
  },
  {
    name: 'a status of HTTP',
    spec: { abort: { httpStatus: 418, percent: 12.5 } },
    faults: { matches: [], abort: { httpStatus: 418, partsPerMillion: 125_000 } },
  },
  {
    name: 'a status of gRPC, by its number',
    spec: { abort: { grpcStatus: 'UNAVAILABLE' } },
    faults: { matches: [], abort: { grpcStatus: 14, partsPerMillion: 1_000_000 } },
  },
  {
    name: 'a rate and an end',
    spec: { bandwidth: { bytesPerSecond: 1024, percent: 0 }, expiresAt: '2026-01-31T12:00:00Z' },
    faults: {
      matches: [],
      bandwidth: { bytesPerSecond: 1024, partsPerMillion: 0 },
      expiresAt: '2026-01-31T12:00:00Z',
    },
  },
  {
    name: 'matches as those of a route',
    spec: {
      abort: { httpStatus: 500 },
      matches: [
        { path: { value: '/api/' }, headers: [{ name: 'X-Chaos', value: 'yes' }] },
        { path: { type: 'RegularExpression', value: '/a+' }, method: 'GET' },
        {},
      ],
    },
    faults: {
      matches: [
        {
          path: { kind: 'prefix', value: '/api' },
          headers: [{ name: 'x-chaos', exact: 'yes' }],
          query: [],
        },
        { path: { kind: 'expression', value: '/a+' }, method: 'GET', headers: [], query: [] },
        { headers: [], query: [] },
      ],
      abort: { httpStatus: 500, partsPerMillion: 1_000_000 },
    },
  },
];

for (const { name, spec, faults } of cases) {
  test(`${name} is read as it was meant`, () => {
    assert.deepEqual(settingsOf(spec), { source: 'shop/p', ...faults });
  });
}

const refused: { name: string; spec: object; says: RegExp }[] = [
  {
    name: 'an expression that is none',
    spec: {
      abort: { httpStatus: 500 },
      matches: [{ path: { type: 'RegularExpression', value: '(' } }],
    },
    says: /spec\.matches\[0\]\.path\.value: .*is no regular expression/,
  },
  {
    name: 'a day that no month has',
    spec: { abort: { httpStatus: 500 }, expiresAt: '2026-13-45T12:00:00Z' },
    says: /spec\.expiresAt: is no time/,
  },
];

for (const { name, spec, says } of refused) {
  test(`${name} is refused`, () => {
    const read = faultPolicyKind.parse({
      metadata: { name: 'p', namespace: 'shop' },
      spec: { targetRefs, ...spec },
    });
    assert.match(read.invalid?.message ?? 'accepted', says);
  });
}
