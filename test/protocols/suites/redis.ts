import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { eventually } from '../../local/local-mesh.ts';
import { patternBytes } from '../programs/pattern.ts';
import type { Suite } from '../suite.ts';

export const redis: Suite = {
  name: 'redis',
  title: 'Redis',
  needs: ['redis-server', 'redis-cli', 'redis-benchmark'],
  manifest: 'redis.yaml',
  services: { redis: ['TCP'] },
  quick: false,

  async run({ client, check, effort }) {
    const cli = (args: readonly string[], input?: string): Promise<string> =>
      client.output('redis-cli', ['-h', 'redis', ...args], input === undefined ? {} : { input });

    await check('commands, and a transaction', async () => {
      assert.equal(await cli(['SET', 'key', 'value']), 'OK\n');
      assert.equal(await cli(['GET', 'key']), 'value\n');
      const answer = await cli([], 'MULTI\nINCR n\nINCR n\nEXEC\n');
      assert.equal(answer, 'OK\nQUEUED\nQUEUED\n1\n2\n');
    });
    await check('RESP3', async () => {
      await cli(['HSET', 'hash', 'one', '1']);
      assert.equal(await cli(['-3', 'HGETALL', 'hash']), 'one 1\n');
    });
    await check('pipelining', async () => {
      const commands = Array.from({ length: 10 * effort.count }, (_, i) => `SET key:${i} ${i}\r\n`);
      const answer = await cli(['--pipe'], commands.join(''));
      assert.match(answer, new RegExp(`errors: 0, replies: ${10 * effort.count}\n`));
      assert.equal(
        await cli(['GET', `key:${10 * effort.count - 1}`]),
        `${10 * effort.count - 1}\n`,
      );
    });
    await check('redis-benchmark, pipelined, on many connections', async () => {
      const requests = String(50 * effort.count);
      const args = [
        '-h',
        'redis',
        '-n',
        requests,
        '-c',
        '50',
        '-P',
        '16',
        '-t',
        'set,get,lrange_100',
      ];
      const answer = await client.output('redis-benchmark', [...args, '--csv'], {
        timeoutMs: 120_000,
      });
      assert.match(answer, /"SET","[\d.]+".*\n"GET","[\d.]+"/);
    });
    await check('a large value', async () => {
      const text = patternBytes(0, effort.bulkBytes / 8).toString('hex');
      assert.equal(await cli(['-x', 'SET', 'large'], text), 'OK\n');
      const pipe = 'redis-cli -h redis --raw GET large | head -c -1 | sha256sum';
      const sum = await client.output('sh', ['-c', pipe]);
      assert.equal(sum.slice(0, 64), createHash('sha256').update(text).digest('hex'));
    });
    await check('a subscriber hears what is published', async () => {
      const subscriber = client.spawn('redis-cli', ['-h', 'redis', 'SUBSCRIBE', 'news']);
      let heard = '';
      subscriber.stdout?.setEncoding('utf8').on('data', (text: string) => {
        heard += text;
      });
      try {
        await eventually(
          () => heard.includes('subscribe'),
          () => 'the subscription',
        );
        for (let i = 1; i <= 50; i += 1) await cli(['PUBLISH', 'news', `item ${i}`]);
        await eventually(
          () => heard.includes('item 50\n'),
          () => heard,
        );
        assert.equal(heard.match(/^item \d+$/gm)?.length, 50);
      } finally {
        subscriber.kill();
      }
    });
    await check('BLPOP waits until something is pushed', async () => {
      const waiting = cli(['BLPOP', 'queue', '30']);
      await eventually(
        async () => /blocked_clients:1\b/.test(await cli(['INFO', 'clients'])),
        () => 'a client that is blocked',
      );
      await cli(['LPUSH', 'queue', 'work']);
      assert.equal(await waiting, 'queue\nwork\n');
    });
  },
};
