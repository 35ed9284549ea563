import assert from 'node:assert/strict';
import { join } from 'node:path';
import { CurlClient } from '../curl-client.ts';
import { patternDigest } from '../programs/pattern.ts';
import type { Suite } from '../suite.ts';

/** TLS of the application's own, which the mesh carries and cannot look into. */
export const tls: Suite = {
  name: 'tls',
  title: "TLS of the application's own",
  needs: ['curl', 'openssl'],
  manifest: 'tls.yaml',
  services: { tls: ['TCP'] },
  quick: false,

  async run({ client, mesh, check, effort }) {
    const curl = new CurlClient(client);
    const file = (name: string): string => join(mesh.files, 'tls', name);
    const to = (name: string, port: number): string[] => [
      ...['--connect-to', `${name}::tls:${port}`, '--cacert', file(`${name}.crt`)],
    ];
    const ask = async (name: string, port: number, ...args: string[]): Promise<unknown> =>
      JSON.parse(await curl.ask(...to(name, port), ...args, `https://${name}/`));

    for (const port of [443, 8443]) {
      for (const name of ['one.test', 'two.test']) {
        await check(`${name} has its own certificate (port ${port})`, async () => {
          const expected = { name, protocol: 'TLSv1.3', http: '1.1', client: 'nobody' };
          assert.deepEqual(await ask(name, port, '--http1.1'), expected);
        });
      }
      await check(`ALPN, TLS 1.2, a certificate of the client (port ${port})`, async () => {
        const own = ['--cert', file('client.crt'), '--key', file('client.key')];
        assert.deepEqual(await ask('one.test', port, '--http2', '--tls-max', '1.2', ...own), {
          name: 'one.test',
          protocol: 'TLSv1.2',
          http: '2.0',
          client: 'client',
        });
      });
    }
    await check('a certificate of somebody else is refused by the client', async () => {
      const args = ['-sS', '--connect-to', 'one.test::tls:443', '--cacert', file('two.test.crt')];
      const { status } = await client.run('curl', [...args, 'https://one.test/']);
      assert.equal(status, 60);
    });
    await check('a large download', async () => {
      const path = join(mesh.files, 'tls-download');
      const url = `https://one.test/bytes/${effort.bulkBytes}`;
      await curl.ask(...to('one.test', 443), '-o', path, url);
      assert.equal(await curl.sha256(path), patternDigest(effort.bulkBytes));
    });
    await check('openssl s_server, which sends lines back in reverse', async () => {
      const args = ['-connect', 'tls:8444', '-servername', 'one.test', '-quiet', '-no_ign_eof'];
      const verify = ['-verify_return_error', '-CAfile', file('one.test.crt')];
      // It takes the end of its input for an order to leave, and does not wait for answers.
      const command = '(printf "hello\\nworld\\n"; sleep 1) | openssl s_client "$@"';
      const answer = await client.output('sh', ['-c', command, 'sh', ...args, ...verify]);
      assert.equal(answer, 'olleh\ndlrow\n');
    });
    await check('sessions are resumed', async () => {
      const args = ['-connect', 'tls:8444', '-servername', 'one.test', '-tls1_2', '-reconnect'];
      const answer = await client.output('openssl', ['s_client', ...args]);
      assert.match(answer, /\nReused, TLSv1.2/);
    });
  },
};
