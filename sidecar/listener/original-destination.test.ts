import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { canonicalAddress } from './original-destination.ts';

/*
 * The kernel tells original destinations of redirected connections only, so this
 * runs a listener and its clients in a network namespace with real rules.
 */
const INSIDE = `
  const { Acceptor } = await import(${JSON.stringify(new URL('./acceptor.ts', import.meta.url).href)});
  const { loadOriginalDestination } = await import(${JSON.stringify(new URL('./original-destination.ts', import.meta.url).href)});
  const { connect } = await import('node:net');
  const originalDestination = await loadOriginalDestination();
  const acceptor = new Acceptor({ host: '0.0.0.0', port: 15001 }, (socket) => {
    socket.end(JSON.stringify(originalDestination(socket) ?? 'none'));
  });
  await acceptor.start();
  const ask = (host, port) => new Promise((resolve) => {
    let text = '';
    connect({ host, port })
      .on('data', (bytes) => { text += bytes; })
      .on('error', (error) => resolve(error.message))
      .on('close', () => resolve(JSON.parse(text)));
  });
  const found = [];
  for (const [host, port] of JSON.parse(process.argv[1])) found.push(await ask(host, port));
  console.log(JSON.stringify(found));
  process.exit();
`;

const PREPARE = `
  set -e
  ip link set lo up
  # Not every kernel takes the loopback address as the source of what goes elsewhere.
  ip address add 192.0.2.1/32 dev lo
  ip address add 2001:db8::1/128 dev lo
  ip route add default dev lo
  ip -6 route add default dev lo
  for tool in iptables ip6tables; do
    $tool -t nat -A OUTPUT -p tcp ! --dport 15001 -j REDIRECT --to-ports 15001
  done
  exec "$@"
`;

describe('the original destination', () => {
  test('of a redirected connection is told, for both families', { skip: whyNot() }, () => {
    const cases: [address: string, port: number, told: unknown][] = [
      ['10.96.0.10', 80, { host: '10.96.0.10', port: 80 }],
      ['203.0.113.255', 65535, { host: '203.0.113.255', port: 65535 }],
      ['fd00:96::a', 443, { host: 'fd00:96::a', port: 443 }],
      ['2001:db8:0:0:1:0:0:1', 1, { host: '2001:db8::1:0:0:1', port: 1 }],
      // Not redirected: tracked connections tell the listener itself.
      ['127.0.0.1', 15001, { host: '127.0.0.1', port: 15001 }],
      ['::1', 15001, { host: '::1', port: 15001 }],
    ];
    const output = execFileSync(
      'unshare',
      [
        ...['--net', 'sh', '-c', PREPARE, 'sh', process.execPath, '--input-type=module'],
        ...['-e', INSIDE, JSON.stringify(cases.map(([address, port]) => [address, port]))],
      ],
      { encoding: 'utf8', timeout: 20_000 },
    );
    assert.deepEqual(
      JSON.parse(output),
      cases.map(([, , told]) => told),
    );
  });
});

describe('an address', () => {
  const cases = [
    ['10.0.0.1', '10.0.0.1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['cart.shop', 'cart.shop'],
    ['', ''],
  ] as const;
  for (const [written, canonical] of cases) {
    test(`${JSON.stringify(written)} is compared as ${JSON.stringify(canonical)}`, () => {
      assert.equal(canonicalAddress(written), canonical);
    });
  }
});

/** Why this machine cannot redirect; false when it can. */
function whyNot(): string | false {
  if (process.platform !== 'linux') return 'needs Linux';
  const tried = spawnSync('unshare', ['--net', 'sh', '-c', PREPARE, 'sh', 'true'], {
    encoding: 'utf8',
  });
  if (tried.status === 0) return false;
  const reason = `needs root, ip, iptables and ip6tables: ${tried.error?.message ?? tried.stderr}`;
  console.log(`skipped: ${reason}`);
  return reason;
}
