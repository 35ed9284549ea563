import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MeshError } from '../../runtime/errors.ts';
import type { ConnectionRule } from '../config/types.ts';
import { NO_POLICY } from '../policy/defaults.ts';
import { type ConnectionWay, compileConnections } from './connections.ts';
import { matchesHost } from './host-pattern.ts';

const patterns: [pattern: string, host: string, meant: boolean][] = [
  ['a.example', 'a.example', true],
  ['a.example', 'b.example', false],
  ['a.example', 'x.a.example', false],
  ['*.example', 'a.example', true],
  ['*.example', 'b.a.example', true],
  ['*.example', 'example', false],
  ['*.example', '.example', false],
  ['*.example', 'aexample', false],
  ['*.example', '', false],
];

describe('a pattern of hosts', () => {
  for (const [pattern, host, meant] of patterns) {
    test(`${pattern} ${meant ? 'means' : 'does not mean'} "${host}"`, () =>
      assert.equal(matchesHost(pattern, host), meant));
  }
});

const rule = (own: Partial<ConnectionRule>, ...services: string[]): ConnectionRule => ({
  name: 'TLSRoute/shop/r/0',
  serverNames: [],
  tlsOnly: false,
  policy: NO_POLICY,
  backends: services.map((service) =>
    service === 'invalid'
      ? { kind: 'invalid', reason: 'gone', weight: 1 }
      : { kind: 'service', service, port: 443, weight: 1 },
  ),
  ...own,
});

/** The backend's name, or the code of the error. */
function select(
  rules: readonly ConnectionRule[],
  serverName: string | undefined,
  random = 0,
): string | undefined {
  const table = compileConnections(
    rules,
    (_rule, backend) => ({ service: backend.service }) as ConnectionWay,
    () => random,
  );
  const way = table.select(serverName);
  return way instanceof MeshError ? way.code : way.service;
}

describe('rules of connections', () => {
  const rules = [
    rule({ serverNames: ['a.example'], tlsOnly: true }, 'exact'),
    rule({ serverNames: ['*.example'], tlsOnly: true }, 'wild'),
  ];
  const cases: [serverName: string | undefined, taken: string][] = [
    ['a.example', 'exact'],
    ['b.example', 'wild'],
    ['example', 'no-route'],
    ['', 'no-route'],
    [undefined, 'no-route'],
  ];
  for (const [serverName, taken] of cases) {
    test(`server name ${serverName === undefined ? 'of no TLS' : `"${serverName}"`}: ${taken}`, () =>
      assert.equal(select(rules, serverName), taken));
  }

  test('without names and for TLS alone take all TLS, and nothing else', () => {
    const all = [rule({ tlsOnly: true }, 'all')];
    assert.equal(select(all, ''), 'all');
    assert.equal(select(all, undefined), 'no-route');
  });

  test('without names take whatever comes, and need no first bytes', () => {
    assert.equal(select([rule({}, 'all')], undefined), 'all');
    const way = { service: 'all' } as ConnectionWay;
    assert.equal(compileConnections([rule({}, 'all')], () => way).needsFirstBytes, false);
    assert.equal(compileConnections(rules, () => way).needsFirstBytes, true);
  });

  test('share connections by weight, those of an invalid backend too', () => {
    const split = [rule({}, 'one', 'invalid')];
    assert.equal(select(split, undefined, 0.4), 'one');
    assert.equal(select(split, undefined, 0.6), 'invalid-backend');
    assert.equal(select([rule({})], undefined), 'invalid-backend');
  });
});
