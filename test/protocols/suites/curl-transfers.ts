import assert from 'node:assert/strict';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CurlClient, type Seen } from '../curl-client.ts';
import { patternBytes, patternDigest, patternPieces } from '../programs/pattern.ts';
import type { Subject } from '../subject.ts';

/** Large bodies in both directions over HTTP/1.1. */
export async function checkTransfers(subject: Subject): Promise<void> {
  const { check, client } = subject;
  const { bulkBytes } = subject.effort;
  const curl = new CurlClient(subject.client);
  const path = join(subject.mesh.folder.path, 'upload.bin');
  const digest = patternDigest(bulkBytes);
  await pipeline(Readable.from(patternPieces(bulkBytes)), createWriteStream(path));

  await check('an upload after 100 Continue', async () => {
    const args = ['-sSv', '--max-time', '120', '-H', 'Expect: 100-continue', '--expect100-timeout'];
    const { stdout, stderr } = await client.run(
      'curl',
      [...args, '60', '-T', path, 'http://http/digest'],
      {
        timeoutMs: 150_000,
      },
    );
    assert.match(stderr, /< HTTP\/1.1 100 Continue/);
    const seen: Seen = JSON.parse(stdout);
    assert.deepEqual([seen.method, seen.bytes, seen.sha256], ['PUT', bulkBytes, digest]);
  });
  await check('a chunked upload', async () => {
    const command = 'cat "$0" | curl -sS --max-time 120 -T - http://http/digest';
    const text = await client.output('sh', ['-c', command, path], { timeoutMs: 150_000 });
    const seen: Seen = JSON.parse(text);
    assert.deepEqual([seen.bytes, seen.sha256], [bulkBytes, digest]);
    assert.equal(seen.headers['transfer-encoding'], 'chunked');
  });
  await check('a large download', async () => {
    const url = `http://http/bytes/${2 * bulkBytes}`;
    assert.equal(await curl.downloadSha256(url), patternDigest(2 * bulkBytes));
  });
  await check('a download by a slow reader', async () => {
    const args = ['--limit-rate', `${Math.floor(bulkBytes / 4)}`, '-o', `${path}.slow`];
    await curl.ask(...args, `http://http/bytes/${bulkBytes / 2}`);
    assert.equal(await curl.sha256(`${path}.slow`), patternDigest(bulkBytes / 2));
  });
  await check('an upload that is refused at once', async () => {
    for (const expect of ['Expect: 100-continue', 'Expect:']) {
      const text = await curl.ask(
        '-H',
        expect,
        '-T',
        path,
        '-w',
        '%{http_code}',
        'http://http/refuse',
      );
      assert.equal(text, 'too much\n413');
    }
  });
}

/** HTTP/2 with prior knowledge. One request a call: this client fails without a mesh, too, when it is to make more. */
export async function checkHttp2(subject: Subject): Promise<void> {
  const { check, effort } = subject;
  const curl = new CurlClient(subject.client);
  const h2 = (...args: string[]): Promise<string> => curl.ask('--http2-prior-knowledge', ...args);

  await check('HTTP/2 with prior knowledge', async () => {
    const text = await h2('-w', '%{http_version} %{http_code}', 'http://h2c/two');
    assert.equal(text, 'hello /two\n2 200');
  });
  await check('HTTP/2: uploads and downloads', async () => {
    const body = patternBytes(0, 1_000_000);
    const path = join(subject.mesh.folder.path, 'upload-http2.bin');
    await pipeline(Readable.from([body]), createWriteStream(path));
    const seen: Seen = JSON.parse(await h2('-T', path, 'http://h2c/digest'));
    assert.deepEqual([seen.httpVersion, seen.sha256], ['2.0', patternDigest(1_000_000)]);
    const { bulkBytes } = effort;
    await h2('-o', path, `http://h2c/bytes/${bulkBytes}`);
    assert.equal(await curl.sha256(path), patternDigest(bulkBytes));
  });
  await check('HTTP/2: HEAD, trailers, no body', async () => {
    assert.match(await h2('-I', 'http://h2c/bytes/1234'), /^HTTP\/2 200.*content-length: 1234/s);
    assert.match(await h2('-i', 'http://h2c/trailers'), /with trailers\n/);
    assert.match(await h2('-i', 'http://h2c/status/204'), /^HTTP\/2 204/);
  });
}
