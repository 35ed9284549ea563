import assert from 'node:assert/strict';
import { once } from 'node:events';
import { eventually } from '../../local/local-mesh.ts';
import type { Suite } from '../suite.ts';

export const postgresql: Suite = {
  name: 'postgresql',
  title: 'PostgreSQL',
  needs: ['initdb', 'postgres', 'psql', 'pgbench', 'openssl'],
  manifest: 'postgresql.yaml',
  services: { postgresql: ['TCP'] },
  quick: false,

  async run({ client, check, effort }) {
    const where = (mode: string): string =>
      `host=postgresql user=app dbname=postgres sslmode=${mode}`;
    const psql = (sql: string, mode = 'prefer', timeoutMs = 60_000): Promise<string> =>
      client.output(
        'psql',
        [where(mode), '-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-c', sql],
        {
          timeoutMs,
        },
      );

    for (const mode of ['disable', 'prefer', 'require']) {
      await check(`a session, sslmode=${mode}`, async () => {
        const encrypted = await psql(
          'select ssl from pg_stat_ssl where pid = pg_backend_pid()',
          mode,
        );
        assert.equal(encrypted, mode === 'disable' ? 'f\n' : 't\n');
      });
    }
    await check('a large result, and COPY there and back', async () => {
      const rows = effort.bulkBytes / 1000;
      await psql('create table source (id int, data text)');
      await psql(
        `insert into source select i, repeat(md5(i::text), 30) from generate_series(1, ${rows}) i`,
      );
      const copy = `psql "$0" -X -q -c 'copy source to stdout' | psql "$0" -X -q -c 'copy target from stdin'`;
      await psql('create table target (id int, data text)');
      await client.output('sh', ['-c', copy, where('disable')], { timeoutMs: 120_000 });
      const sum = 'select count(*), md5(string_agg(data, $$,$$ order by id)) from ';
      assert.equal(await psql(`${sum} target`), await psql(`${sum} source`));
    });
    await check('pgbench', async () => {
      await client.output('pgbench', [where('disable'), '-i', '-q', '-s', '1']);
      const transactions = String(effort.count / 10);
      for (const protocol of ['simple', 'extended', 'prepared']) {
        const args = ['-c', '8', '-j', '2', '-t', transactions, '-M', protocol];
        const answer = await client.output('pgbench', [where('prefer'), ...args]);
        assert.match(answer, /number of failed transactions: 0 /);
      }
    });
    await check('a new connection for each transaction', async () => {
      const args = ['-C', '-S', '-c', '4', '-t', '20'];
      const answer = await client.output('pgbench', [where('prefer'), ...args]);
      assert.match(answer, /number of failed transactions: 0 /);
    });
    await check('LISTEN and NOTIFY', async () => {
      const listener = client.spawn('psql', [where('prefer'), '-X', '-q', '-A', '-t']);
      let heard = '';
      listener.stdout?.setEncoding('utf8').on('data', (text: string) => {
        heard += text;
      });
      listener.stdin?.write("listen news;\nselect 'listening';\n");
      try {
        await eventually(
          () => heard.includes('listening'),
          () => heard,
        );
        await psql("notify news, 'hello'");
        await eventually(
          () => {
            // psql looks for notifications when it has done something.
            listener.stdin?.write('select 1;\n');
            return /Asynchronous notification "news" with payload "hello"/.test(heard);
          },
          () => heard,
        );
      } finally {
        listener.kill();
      }
    });
    await check('a cancelled query, for which a second connection is made', async () => {
      const args = [where('disable'), '-X', '-q', '-c', 'select pg_sleep(120)'];
      const sleeper = client.spawn('psql', args);
      let said = '';
      sleeper.stderr?.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
      const ended = once(sleeper, 'close');
      const sleeping = "select count(*) from pg_stat_activity where query = 'select pg_sleep(120)'";
      await eventually(
        async () => (await psql(sleeping)) === '1\n',
        () => 'the query',
      );
      sleeper.kill('SIGINT');
      await ended;
      assert.match(said, /canceling statement due to user request/);
    });
  },
};
