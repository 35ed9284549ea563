import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { MeshError } from '../runtime/errors.ts';
import { type InterceptionOptions, interceptionRules, missingRules } from './iptables.ts';

const GOLDEN = new URL('../test/golden/injector/', import.meta.url);

const plain: InterceptionOptions = {
  outboundPort: 15001,
  inboundPort: 15006,
  sidecar: { by: 'uid', uid: 15137 },
  excludedInboundPorts: [15006, 15008, 15020],
  excludedOutboundPorts: [],
  excludedOutboundCidrs: [],
};

const exclusions: InterceptionOptions = {
  ...plain,
  excludedInboundPorts: [15006, 15008, 15020, 2222],
  excludedOutboundPorts: [3306, 6379],
  excludedOutboundCidrs: ['10.0.0.0/8', 'fd00::/8', '192.0.2.7/32'],
};

const bySource: InterceptionOptions = {
  ...plain,
  sidecar: { by: 'source-address', addresses: ['10.77.0.3', 'fd77::3'] },
};

const cases = [
  { file: 'rules-ipv4', family: 'ipv4', options: plain },
  { file: 'rules-exclusions-ipv4', family: 'ipv4', options: exclusions },
  { file: 'rules-exclusions-ipv6', family: 'ipv6', options: exclusions },
  { file: 'rules-source-address-ipv4', family: 'ipv4', options: bySource },
  { file: 'rules-source-address-ipv6', family: 'ipv6', options: bySource },
] as const;

for (const { file, family, options } of cases) {
  test(`the text of ${file} is as recorded`, () => {
    const path = new URL(`${file}.txt`, GOLDEN);
    const rules = interceptionRules(family, options);
    if (process.env.UPDATE === '1') writeFileSync(path, rules);
    assert.equal(rules, readFileSync(path, 'utf8'));
  });
}

test('rules that are there already are replaced, and rules of others stay', () => {
  const saved = [
    '*nat',
    ':PREROUTING ACCEPT [0:0]',
    '-A PREROUTING -p tcp -j REMORA_INBOUND',
    '-A PREROUTING -p tcp -m tcp --dport 53 -j OTHERS',
    '-A OUTPUT -p tcp -j REMORA_OUTBOUND',
    '-A OUTPUT -p tcp -j REMORA_OUTBOUND',
    'COMMIT',
  ].join('\n');
  const lines = interceptionRules('ipv4', plain, saved).split('\n');
  assert.deepEqual(
    lines.filter((line) => line.startsWith('-D')),
    [
      '-D PREROUTING -p tcp -j REMORA_INBOUND',
      '-D OUTPUT -p tcp -j REMORA_OUTBOUND',
      '-D OUTPUT -p tcp -j REMORA_OUTBOUND',
    ],
  );
  assert.equal(lines.filter((line) => line.startsWith('-A PREROUTING')).length, 1);
  assert.equal(lines.filter((line) => line.startsWith('-A OUTPUT')).length, 1);
});

test('matching by source address without an address of the family is refused', () => {
  const options: InterceptionOptions = {
    ...plain,
    sidecar: { by: 'source-address', addresses: ['10.77.0.3'] },
  };
  assert.throws(
    () => interceptionRules('ipv6', options),
    (error: unknown) =>
      error instanceof MeshError &&
      error.code === 'bad-interception' &&
      error.message.includes('no ipv6 address'),
  );
});

test('what is missing or double after writing is named', () => {
  const rules = interceptionRules('ipv4', plain);
  const saved = rules
    .split('\n')
    .filter((line) => !line.includes('--dport 15008'))
    .concat('-A OUTPUT -p tcp -j REMORA_OUTBOUND')
    .join('\n');
  assert.deepEqual(missingRules(rules, rules), []);
  assert.deepEqual(missingRules(saved, rules), [
    'chain REMORA_INBOUND has 3 rules instead of 4',
    '2 rules lead into chain REMORA_OUTBOUND instead of one',
  ]);
});
