import assert from 'node:assert/strict';
import { join } from 'node:path';
import { CurlClient } from '../curl-client.ts';
import { patternDigest } from '../programs/pattern.ts';
import type { Suite } from '../suite.ts';
import { checkHttp2, checkTransfers } from './curl-transfers.ts';

const SMALL_DIGEST = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824';

export const curl: Suite = {
  name: 'curl',
  title: 'HTTP by curl',
  needs: ['curl'],
  manifest: 'programs.yaml',
  services: { http: ['HTTP'], undeclared: ['HTTP'], h2c: ['HTTP'] },
  quick: true,

  async run(subject) {
    const { check } = subject;
    const curl = new CurlClient(subject.client);
    const ask = (...args: string[]): Promise<string> => curl.ask(...args);

    await check('GET', async () => {
      assert.equal(await ask('http://http/one?two=3'), 'hello /one?two=3\n');
    });
    await check('GET on a port that declares nothing', async () => {
      assert.equal(await ask('http://undeclared:8080/one'), 'hello /one\n');
    });
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      await check(method, async () => {
        const seen = await curl.see('-X', method, '-d', 'hello', 'http://http/digest');
        assert.deepEqual(
          [seen.method, seen.bytes, seen.sha256, seen.headers['content-length']],
          [method, 5, SMALL_DIGEST, '5'],
        );
      });
    }
    await check('a method that nobody knows, and OPTIONS *', async () => {
      assert.match(await ask('-i', '-X', 'PURGE', 'http://http/x'), /x-method: PURGE\r\n/i);
      const options = await ask('-i', '-X', 'OPTIONS', '--request-target', '*', 'http://http/');
      assert.match(options, /^HTTP\/1.1 200.*hello \*\n$/s);
    });
    await check('HEAD', async () => {
      const head = await ask('-I', 'http://http/bytes/1000000');
      assert.match(head, /^HTTP\/1.1 200.*\r\ncontent-length: 1000000\r\n/is);
    });
    await check('answers without a body, the connection goes on', async () => {
      const urls = [204, 304, 204, 200].map((status) => `http://http/status/${status}`);
      const format = '%{http_code} %{num_connects};';
      assert.equal(await ask('-w', format, ...urls), '204 1;304 0;204 0;200 0;');
    });
    await check('a range, an open range, and a download that is resumed', async () => {
      const range = await ask('-i', '-r', '100-199', 'http://http/bytes/1000');
      assert.match(range, /^HTTP\/1.1 206.*content-range: bytes 100-199\/1000\r\n/is);
      const path = join(subject.mesh.folder.path, 'resumed.bin');
      await ask('-r', '0-499', '-o', path, 'http://http/bytes/1000');
      await ask('-C', '-', '-o', path, 'http://http/bytes/1000');
      assert.equal(await curl.sha256(path), patternDigest(1000));
    });
    await check('keep-alive: many requests on one connection', async () => {
      const { count } = subject.effort;
      const text = await ask('-w', '%{num_connects};', `http://http/[1-${count}]`);
      const lines = text.split(';').slice(0, -1);
      assert.equal(lines.length, count);
      assert.deepEqual(
        lines.map((line, i) => line === `hello /${i + 1}\n${i === 0 ? 1 : 0}`).indexOf(false),
        -1,
      );
    });
    await check('many at a time', async () => {
      const args = ['-Z', '--parallel-max', '50', '--parallel-immediate', '-w', '%{http_code};'];
      const text = await ask(...args, '-o', '/dev/null', 'http://http/[1-200]');
      assert.equal(text, '200;'.repeat(200));
    });
    await check('HTTP/1.0', async () => {
      const text = await ask('-0', '-i', 'http://http/old');
      assert.match(text, /^HTTP\/1\.[01] 200.*\r\n\r\nhello \/old\n$/s);
      assert.doesNotMatch(text, /transfer-encoding/i);
      const seen = await curl.see('-0', '-d', 'hello', 'http://http/digest');
      assert.equal(seen.sha256, SMALL_DIGEST);
    });
    await check('an answer that ends with its connection', async () => {
      const sha256 = await curl.downloadSha256('http://http/until-close/300000');
      assert.equal(sha256, patternDigest(300_000));
    });
    await check('trailers', async () => {
      const { stderr } = await subject.client.run('curl', ['-sv', '--raw', 'http://http/trailers']);
      const raw = await ask('--raw', 'http://http/trailers');
      assert.match(raw, /\r\n0\r\nx-checksum: abc\r\n\r\n$/i, stderr);
    });
    await check('large headers in both directions', async () => {
      const large = 'y'.repeat(7000);
      const headers = [1, 2, 3, 4].flatMap((n) => ['-H', `x-large-${n}: ${large}`]);
      const seen = await curl.see(...headers, 'http://http/digest');
      assert.equal(seen.headers['x-large-4'], large);
      const text = await ask('-i', 'http://http/large-header/28000');
      assert.match(text, /x-large: x{28000}\r\n/i);
    });
    await check('headers that are too large are refused', async () => {
      const headers = Array.from({ length: 12 }, (_, n) => ['-H', `x-${n}: ${'y'.repeat(7000)}`]);
      assert.match(await ask('-i', ...headers.flat(), 'http://http/x'), /^HTTP\/1.1 431 /);
    });
    await check('a client that goes away, and one that comes after it', async () => {
      const url = `http://http/bytes/${10 * subject.effort.bulkBytes}`;
      const { status } = await subject.client.run('sh', [
        '-c',
        `curl -sS ${url} | head -c 100000 >/dev/null; true`,
      ]);
      assert.equal(status, 0);
      assert.equal(await ask('http://http/next'), 'hello /next\n');
    });
    await check('an upgrade to HTTP/2 is not taken up', async () => {
      const text = await ask('--http2', '-w', '%{http_version} %{http_code}', 'http://http/plain');
      assert.equal(text, 'hello /plain\n1.1 200');
    });
    await checkTransfers(subject);
    await checkHttp2(subject);
  },
};
