import assert from 'node:assert/strict';
import type { Suite } from '../suite.ts';

export const mariadb: Suite = {
  name: 'mariadb',
  title: 'MariaDB',
  needs: ['mariadbd', 'mariadb-install-db', 'mariadb', 'mariadb-slap'],
  manifest: 'mariadb.yaml',
  services: { mariadb: ['TCP'], database: ['TCP'] },
  quick: false,

  async run({ client, check, effort }) {
    const sql = (host: string, text: string): Promise<string> =>
      client.output(
        'mariadb',
        [
          '--no-defaults',
          '-h',
          host,
          '-u',
          'root',
          '-N',
          '-B',
          '--max-allowed-packet=256M',
          'test',
        ],
        { input: text, timeoutMs: 120_000 },
      );
    await client.output('mariadb', ['--no-defaults', '-h', 'mariadb', '-u', 'root'], {
      input: 'create database if not exists test',
    });

    for (const host of ['mariadb', 'database']) {
      await check(`a session with a server that greets (${host})`, async () => {
        for (let i = 0; i < 5; i += 1)
          assert.equal(await sql(host, `select ${i} + 1`), `${i + 1}\n`);
      });
      await check(`a large value there and back (${host})`, async () => {
        const size = effort.bulkBytes / 4;
        const value = '0123456789abcdef'.repeat(size / 16);
        await sql(host, 'create or replace table large (data longtext)');
        await sql(host, `insert into large values ('${value}')`);
        assert.equal(await sql(host, 'select data from large'), `${value}\n`);
      });
      await check(`many connections, many queries (${host})`, async () => {
        const args = ['--no-defaults', '-h', host, '-u', 'root', '--auto-generate-sql'];
        const load = ['--concurrency=10', `--number-of-queries=${effort.count}`, '--detach=10'];
        const answer = await client.output('mariadb-slap', [...args, ...load], {
          timeoutMs: 120_000,
        });
        assert.match(answer, /Average number of seconds to run all queries/);
      });
    }
  },
};
