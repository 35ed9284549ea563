import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { type AddressRecord, HostResolver, isOutside } from './host-resolver.ts';

const turn = (): Promise<void> => new Promise((done) => setImmediate(done));

function lab(): {
  clock: ManualClock;
  resolver: HostResolver;
  asked: string[];
  answer: { records: AddressRecord[] | undefined };
} {
  const clock = new ManualClock();
  const asked: string[] = [];
  const answer: { records: AddressRecord[] | undefined } = {
    records: [{ address: '203.0.113.1', ttlSeconds: 60 }],
  };
  const query = async (host: string) => {
    asked.push(host);
    if (answer.records === undefined) throw new Error('ENOTFOUND');
    return answer.records;
  };
  return { clock, asked, answer, resolver: new HostResolver(clock, query, isOutside) };
}

describe('addresses of a host', () => {
  test('are unknown until they are told, and asked for once', async () => {
    const { resolver, asked } = lab();
    let told = 0;
    assert.equal(resolver.addresses('a'), undefined);
    resolver.onAnswer('a', () => told++);
    await turn();
    assert.deepEqual(resolver.addresses('a'), ['203.0.113.1']);
    assert.deepEqual([asked, told], [['a'], 1]);
  });

  test('are asked for anew when their time is over, and used until the answer is there', async () => {
    const { resolver, clock, asked, answer } = lab();
    resolver.addresses('a');
    await turn();
    answer.records = [{ address: '203.0.113.2', ttlSeconds: 1 }];
    clock.advance(59_000);
    resolver.addresses('a');
    assert.equal(asked.length, 1);
    clock.advance(1_000);
    assert.deepEqual(resolver.addresses('a'), ['203.0.113.1']);
    await turn();
    assert.deepEqual(resolver.addresses('a'), ['203.0.113.2']);
    // Who asked before may still use it.
    assert.ok(resolver.has('a', '203.0.113.1') && resolver.has('a', '203.0.113.2'));
    assert.ok(!resolver.has('a', '203.0.113.3'));
    // No record is too short-lived.
    clock.advance(4_000);
    resolver.addresses('a');
    assert.equal(asked.length, 2);
  });

  test('stay when asking fails, and are none where they never were known', async () => {
    const { resolver, clock, answer } = lab();
    resolver.addresses('a');
    await turn();
    answer.records = undefined;
    clock.advance(60_000);
    resolver.addresses('a');
    resolver.addresses('b');
    await turn();
    assert.deepEqual(resolver.addresses('a'), ['203.0.113.1']);
    assert.deepEqual(resolver.addresses('b'), []);
  });

  test('are never those of this machine', async () => {
    const { resolver, answer } = lab();
    const inside = ['127.0.0.1', '0.0.0.0', '169.254.169.254', '::1', 'fe80::1', '224.0.0.1'];
    answer.records = [...inside, '10.0.0.1'].map((address) => ({ address, ttlSeconds: 60 }));
    resolver.addresses('a');
    await turn();
    assert.deepEqual(resolver.addresses('a'), ['10.0.0.1']);
    assert.ok(!isOutside('::ffff:127.0.0.1'));
  });
});
