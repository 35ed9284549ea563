import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { Agent, get, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { after, before, suite, test } from 'node:test';
import { StaticExample } from '../fakes/static-example.ts';
import { until } from '../fakes/until.ts';

/** Enough that the kernel gives each of two threads some: all on one side is as likely as 2^-39. */
const CONNECTIONS = 40;

/** Of `/config_dump`. */
interface ToldCluster {
  readonly endpoints: readonly { readonly idle: number }[];
}

suite('a sidecar with two threads', () => {
  let example: StaticExample;

  before(async () => {
    example = await StaticExample.start({ REMORA_THREADS: '2', REMORA_ACCESS_LOG: 'json' });
  });

  after(async () => {
    await example[Symbol.asyncDispose]();
  });

  /** Each on a connection of its own. */
  async function askOften(path: string, agent = new Agent()): Promise<number[]> {
    const requests = Array.from({ length: CONNECTIONS }, async () => {
      const request = get({ host: '127.0.0.1', port: example.port(17100), path, agent });
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      await text(response);
      return response.statusCode ?? 0;
    });
    return await Promise.all(requests);
  }

  async function counted(metric: string): Promise<number> {
    const { body } = await example.client.health('/metrics');
    const lines = body.split('\n').filter((line) => line.startsWith(`${metric}{`));
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  test('serves from both, and counts what both served', async () => {
    const agent = new Agent({ keepAlive: true });
    assert.deepEqual([...new Set(await askOften('/one', agent))], [200]);
    const { body } = await example.client.admin('/config_dump');
    const dump = JSON.parse(body) as {
      clusters: Record<string, ToldCluster>;
      clustersOfThreads: Record<string, Record<string, ToldCluster>>;
    };
    const first = dump.clusters['demo/greeter:80']?.endpoints[0]?.idle ?? 0;
    const second = dump.clustersOfThreads['thread 2']?.['demo/greeter:80']?.endpoints[0]?.idle ?? 0;
    assert.ok(first > 0 && second > 0, `${first} and ${second} idle connections`);
    await until(
      async () => (await counted('http_client_request_duration_seconds_count')) === CONNECTIONS,
      'the requests of both threads in the metrics',
    );
    agent.destroy();
  });

  test('logs what both served', async () => {
    await askOften('/logged');
    const logged = () => example.client.lines.filter(({ path }) => path === '/logged');
    await until(() => logged().length === CONNECTIONS, 'the lines of both threads');
    assert.deepEqual([...new Set(logged().map(({ log }) => log))], ['access']);
    const ids = new Set(logged().map(({ traceId }) => traceId));
    assert.equal(ids.size, CONNECTIONS);
    const received = () => example.server.lines.filter(({ path }) => path === '/logged');
    await until(() => received().length === CONNECTIONS, 'the lines of the other side');
    assert.ok(received().every(({ traceId }) => ids.has(traceId)));
  });

  test('takes a change in both', async () => {
    const original = readFileSync(example.clientFile, 'utf8');
    writeFileSync(example.clientFile, original.replace('prefix: /', 'prefix: /only'));
    await until(
      async () => (await askOften('/one')).every((status) => status === 404),
      'the new rule everywhere',
    );
    assert.deepEqual([...new Set(await askOften('/only/this'))], [200]);
    writeFileSync(example.clientFile, original);
    await until(
      async () => (await askOften('/one')).every((status) => status === 200),
      'the old rule everywhere',
    );
  });

  test('changes the log level of both', async () => {
    assert.equal((await example.client.admin('/log_level?level=debug')).body, 'debug\n');
    await until(async () => {
      await askOften('/one');
      return example.client.lines.some(({ level, thread }) => level === 'debug' && thread === 2);
    }, 'a debug line of the second thread');
  });

  test('ends in order when it is told to', async () => {
    await askOften('/last');
    for (const sidecar of [example.client, example.server]) {
      sidecar.kill('SIGTERM');
      assert.equal(await sidecar.exited(), 0);
      // What the threads had to say comes before the end.
      const last = sidecar.lines.filter(({ path }) => path === '/last');
      assert.equal(last.length, CONNECTIONS);
    }
  });
});
