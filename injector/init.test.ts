import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MeshError } from '../runtime/errors.ts';
import { silentLog } from '../runtime/log.ts';
import { installRules, type Machine, type ProgramResult, readInterceptionOptions } from './init.ts';

const ALL_CAPABILITIES = 'CapEff:\t000001ffffffffff\n';
const WITHOUT_NET_ADMIN = 'CapEff:\t00000000a80425fb\n';
const LOOPBACK = '00000000000000000000000000000001 01 80 10 80       lo\n';
const LINK_LOCAL = 'fe800000000000000858abfffe4dd5c8 02 40 20 80     eth0\n';
const GLOBAL = 'fd090000000000000000000000000002 02 40 00 80     eth0\n';

/** Keeps what a restore wrote and shows it to the next save; `broken` names programs that fail. */
class FakeMachine implements Machine {
  readonly calls: string[] = [];
  readonly #tables = new Map<string, string>();
  readonly #proc: Readonly<Record<string, string>>;
  readonly #broken: Readonly<Record<string, string>>;

  constructor(proc: Record<string, string>, broken: Record<string, string> = {}) {
    this.#proc = { 'self/status': ALL_CAPABILITIES, ...proc };
    this.#broken = broken;
  }

  run(program: string, args: readonly string[], input: string): ProgramResult {
    this.calls.push([program, ...args].join(' '));
    const stderr = this.#broken[program];
    if (stderr !== undefined) return { status: 1, stdout: '', stderr };
    const table = program.replace(/-(restore|save)$/, '');
    if (program.endsWith('-restore')) this.#tables.set(table, input);
    return { status: 0, stdout: this.#tables.get(table) ?? '', stderr: '' };
  }

  readProc(path: string): string | undefined {
    return this.#proc[path];
  }
}

const options = readInterceptionOptions({
  REMORA_OUTBOUND_PORT: '15001',
  REMORA_INBOUND_PORT: '15006',
  REMORA_SIDECAR_UID: '15137',
  REMORA_EXCLUDE_INBOUND_PORTS: '15008, 15020',
});

test('the environment is read, and lists may be empty', () => {
  assert.deepEqual(options, {
    outboundPort: 15001,
    inboundPort: 15006,
    sidecar: { by: 'uid', uid: 15137 },
    excludedInboundPorts: [15008, 15020],
    excludedOutboundPorts: [],
    excludedOutboundCidrs: [],
  });
});

test('source addresses are preferred to the uid', () => {
  const { sidecar } = readInterceptionOptions({
    REMORA_OUTBOUND_PORT: '15001',
    REMORA_INBOUND_PORT: '15006',
    REMORA_SIDECAR_SOURCE_ADDRESSES: '10.77.0.3',
  });
  assert.deepEqual(sidecar, { by: 'source-address', addresses: ['10.77.0.3/32'] });
});

test('all bad variables are reported at once', () => {
  assert.throws(
    () =>
      readInterceptionOptions({
        REMORA_INBOUND_PORT: '70000',
        REMORA_EXCLUDE_OUTBOUND_PORTS: '80,http',
        REMORA_EXCLUDE_OUTBOUND_CIDRS: '10.0.0.0/33',
      }),
    (error: unknown) =>
      error instanceof MeshError &&
      [
        'REMORA_OUTBOUND_PORT is not set',
        'REMORA_INBOUND_PORT must be a whole number',
        'REMORA_SIDECAR_UID is not set',
        '"http" is not a port',
        '"10.0.0.0/33" is not an address or a network',
      ].every((part) => error.message.includes(part)),
  );
});

const families = [
  { name: 'no IPv6 in the kernel', proc: {}, programs: ['iptables-nft'] },
  { name: 'IPv6 on loopback alone', proc: LOOPBACK, programs: ['iptables-nft'] },
  { name: 'a global address', proc: GLOBAL, programs: ['iptables-nft', 'ip6tables-nft'] },
] as const;

for (const { name, proc, programs } of families) {
  test(`with ${name}, rules are written for ${programs.join(' and ')}`, () => {
    const machine = new FakeMachine(typeof proc === 'string' ? { 'net/if_inet6': proc } : {});
    installRules(options, machine, silentLog());
    assert.deepEqual(
      machine.calls,
      programs.flatMap((program) => [
        `${program}-save -t nat`,
        `${program}-restore --noflush`,
        `${program}-save -t nat`,
      ]),
    );
  });
}

test('where nft fails, legacy is taken', () => {
  const machine = new FakeMachine({}, { 'iptables-nft-restore': 'Protocol not supported' });
  installRules(options, machine, silentLog());
  assert.ok(machine.calls.includes('iptables-legacy-restore --noflush'));
});

test('where both fail, the message has both reasons', () => {
  const machine = new FakeMachine(
    {},
    { 'iptables-nft-save': 'Protocol not supported', 'iptables-legacy-save': 'no table nat' },
  );
  assert.throws(
    () => installRules(options, machine, silentLog()),
    /neither form of iptables works.*Protocol not supported.*no table nat/,
  );
});

test('rules that were taken and are not there are an error', () => {
  const machine = new FakeMachine({});
  machine.run = (program) => ({
    status: 0,
    stdout: program.endsWith('save') ? '*nat' : '',
    stderr: '',
  });
  assert.throws(
    () => installRules(options, machine, silentLog()),
    /chain REMORA_INBOUND has 0 rules instead of 3/,
  );
});

test('IPv6 that cannot be redirected stops a pod with a global address', () => {
  const broken = { 'ip6tables-nft-save': 'no', 'ip6tables-legacy-save': 'no' };
  const machine = new FakeMachine({ 'net/if_inet6': GLOBAL }, broken);
  assert.throws(() => installRules(options, machine, silentLog()), /ipv6/);
});

test('IPv6 that cannot be redirected is no matter to link-local addresses', () => {
  const broken = { 'ip6tables-nft-save': 'no', 'ip6tables-legacy-save': 'no' };
  const machine = new FakeMachine({ 'net/if_inet6': LOOPBACK + LINK_LOCAL }, broken);
  installRules(options, machine, silentLog());
  assert.ok(machine.calls.includes('ip6tables-legacy-save -t nat'));
});

test('a missing capability is explained before anything is run', () => {
  const machine = new FakeMachine({ 'self/status': WITHOUT_NET_ADMIN });
  assert.throws(
    () => installRules(options, machine, silentLog()),
    (error: unknown) =>
      error instanceof MeshError &&
      error.code === 'no-net-admin' &&
      error.message.includes('lacks the capability NET_ADMIN') &&
      error.message.includes('remora.dev/inject: disabled'),
  );
  assert.deepEqual(machine.calls, []);
});
