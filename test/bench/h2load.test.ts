import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseH2load } from './h2load.ts';

const OUTPUT = `starting benchmark...
progress: 100% done

finished in 393.54ms, 50820.24 req/s, 61.94MB/s
requests: 20000 total, 20000 started, 20000 done, 19999 succeeded, 1 failed, 0 errored, 0 timeout
status codes: 19999 2xx, 0 3xx, 0 4xx, 1 5xx
traffic: 24.38MB (25560000) total, 3.87MB (4060000) headers (space savings 0.00%), 19.53MB (20480000) data
                     min         max         mean         sd        +/- sd
time for request:       40us      3.87ms       621us       335us    93.34%
`;

test('reads what h2load counted', () => {
  assert.deepEqual(parseH2load(OUTPUT), {
    requestsPerSecond: 50820.24,
    succeeded: 19999,
    dataBytes: 20480000,
  });
});

test('takes an unfinished response for none: the smaller count holds', () => {
  const output = OUTPUT.replace('19999 succeeded', '19000 succeeded');
  assert.equal(parseH2load(output).succeeded, 19000);
});

test('an output without the counts is an error that shows it', () => {
  assert.throws(() => parseH2load('starting benchmark...\n'), /starting benchmark/);
});
