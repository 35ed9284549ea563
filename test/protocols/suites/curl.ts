import assert from 'node:assert/strict';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { patternBytes, patternDigest, patternPieces } from '../programs/pattern.ts';
import type { Subject } from '../subject.ts';
import { HTTP2_OR_BYTES, type Suite } from '../suite.ts';

/** What `/digest` tells of a request. */
interface Seen {
  readonly method: string;
  readonly httpVersion: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: number;
  readonly sha256: string;
}

const SMALL_DIGEST = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824';

export const curl: Suite = {
  name: 'curl',
  title: 'HTTP by curl',
  needs: ['curl'],
  manifest: 'http.yaml',
  services: { http: ['HTTP/1.1'], undeclared: ['HTTP/1.1'], h2c: HTTP2_OR_BYTES },
  quick: true,

  async run(subject) {
    const { check } = subject;
    const ask = (...args: string[]): Promise<string> => curlOutput(subject, args);

    await check('GET', async () => {
      assert.equal(await ask('http://http/one?two=3'), 'hello /one?two=3\n');
    });
    await check('GET on a port that declares nothing', async () => {
      assert.equal(await ask('http://undeclared:8080/one'), 'hello /one\n');
    });
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      await check(method, async () => {
        const seen = JSON.parse(await ask('-X', method, '-d', 'hello', 'http://http/digest'));
        assert.deepEqual(
          [seen.method, seen.bytes, seen.sha256, seen.headers['content-length']],
          [method, 5, SMALL_DIGEST, '5'],
        );
      });
    }
    await check('a method that nobody knows, and OPTIONS *', async () => {
      assert.match(await ask('-i', '-X', 'PURGE', 'http://http/x'), /x-method: PURGE\r\n/i);
      const options = await ask('-i', '-X', 'OPTIONS', '--request-target', '*', 'http://http/');
      assert.match(options, /^HTTP\/1.1 200[^]*hello \*\n$/);
    });
    await check('HEAD', async () => {
      const head = await ask('-I', 'http://http/bytes/1000000');
      assert.match(head, /^HTTP\/1.1 200[^]*\r\ncontent-length: 1000000\r\n/i);
    });
    await check('answers without a body, the connection goes on', async () => {
      const urls = [204, 304, 204, 200].map((status) => `http://http/status/${status}`);
      const format = '%{http_code} %{num_connects};';
      assert.equal(await ask('-w', format, ...urls), '204 1;304 0;204 0;200 0;');
    });
    await check('a range, an open range, and a download that is resumed', async () => {
      const range = await ask('-i', '-r', '100-199', 'http://http/bytes/1000');
      assert.match(range, /^HTTP\/1.1 206[^]*content-range: bytes 100-199\/1000\r\n/i);
      const path = join(subject.mesh.folder.path, 'resumed.bin');
      await ask('-r', '0-499', '-o', path, 'http://http/bytes/1000');
      await ask('-C', '-', '-o', path, 'http://http/bytes/1000');
      assert.equal(await sha256(subject, path), patternDigest(1000));
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
      assert.match(text, /^HTTP\/1\.[01] 200[^]*\r\n\r\nhello \/old\n$/);
      assert.doesNotMatch(text, /transfer-encoding/i);
      const seen: Seen = JSON.parse(await ask('-0', '-d', 'hello', 'http://http/digest'));
      assert.equal(seen.sha256, SMALL_DIGEST);
    });
    await check('an answer that ends with its connection', async () => {
      const command = 'curl -sS --max-time 60 "$0" | sha256sum';
      const text = await subject.client.output('sh', ['-c', command, 'http://http/until-close/300000']);
      assert.equal(text.slice(0, 64), patternDigest(300_000));
    });
    await check('trailers', async () => {
      const { stderr } = await subject.client.run('curl', ['-sv', '--raw', 'http://http/trailers']);
      const raw = await ask('--raw', 'http://http/trailers');
      assert.match(raw, /\r\n0\r\nx-checksum: abc\r\n\r\n$/i, stderr);
    });
    await check('large headers in both directions', async () => {
      const large = 'y'.repeat(7000);
      const headers = [1, 2, 3, 4].flatMap((n) => ['-H', `x-large-${n}: ${large}`]);
      const seen: Seen = JSON.parse(await ask(...headers, 'http://http/digest'));
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
      const { status } = await subject.client.run('sh', ['-c', `curl -sS ${url} | head -c 100000 >/dev/null; true`]);
      assert.equal(status, 0);
      assert.equal(await ask('http://http/next'), 'hello /next\n');
    });
    await checkTransfers(subject);
    await checkHttp2(subject);
  },
};

async function checkTransfers(subject: Subject): Promise<void> {
  const { check, client } = subject;
  const { bulkBytes } = subject.effort;
  const ask = (...args: string[]): Promise<string> => curlOutput(subject, args);
  const path = join(subject.mesh.folder.path, 'upload.bin');
  const digest = patternDigest(bulkBytes);
  await pipeline(Readable.from(patternPieces(bulkBytes)), createWriteStream(path));

  await check('an upload after 100 Continue', async () => {
    const args = ['-sSv', '--max-time', '120', '-H', 'Expect: 100-continue', '--expect100-timeout'];
    const { stdout, stderr } = await client.run('curl', [...args, '60', '-T', path, 'http://http/digest'], {
      timeoutMs: 150_000,
    });
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
    const command = 'curl -sS --max-time 120 "$0" | sha256sum';
    const url = `http://http/bytes/${2 * bulkBytes}`;
    const text = await client.output('sh', ['-c', command, url], { timeoutMs: 150_000 });
    assert.equal(text.slice(0, 64), patternDigest(2 * bulkBytes));
  });
  await check('a download by a slow reader', async () => {
    const args = ['--limit-rate', `${Math.floor(bulkBytes / 4)}`, '-o', `${path}.slow`];
    await ask(...args, `http://http/bytes/${bulkBytes / 2}`);
    assert.equal(await sha256(subject, `${path}.slow`), patternDigest(bulkBytes / 2));
  });
  await check('an upload that is refused at once', async () => {
    for (const expect of ['Expect: 100-continue', 'Expect:']) {
      const text = await ask('-H', expect, '-T', path, '-w', '%{http_code}', 'http://http/refuse');
      assert.equal(text, 'too much\n413');
    }
  });
}

async function checkHttp2(subject: Subject): Promise<void> {
  const { check, effort } = subject;
  const ask = (...args: string[]): Promise<string> => curlOutput(subject, args);
  const h2 = (...args: string[]): Promise<string> => ask('--http2-prior-knowledge', ...args);

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
    assert.equal(await sha256(subject, path), patternDigest(bulkBytes));
  });
  await check('HTTP/2: many requests at a time', async () => {
    const args = ['-Z', '--parallel-max', '50', '-w', '%{http_code} %{http_version};'];
    const text = await h2(...args, '-o', '/dev/null', 'http://h2c/[1-200]');
    assert.equal(text, '200 2;'.repeat(200));
  });
  await check('HTTP/2: HEAD, trailers, no body', async () => {
    assert.match(await h2('-I', 'http://h2c/bytes/1234'), /^HTTP\/2 200[^]*content-length: 1234/);
    assert.match(await h2('-i', 'http://h2c/trailers'), /with trailers\n/);
    assert.match(await h2('-i', 'http://h2c/status/204'), /^HTTP\/2 204/);
  });
  await check('an upgrade to HTTP/2 is not taken up', async () => {
    const text = await ask('--http2', '-w', '%{http_version} %{http_code}', 'http://http/plain');
    assert.equal(text, 'hello /plain\n1.1 200');
  });
}

async function curlOutput({ client }: Subject, args: readonly string[]): Promise<string> {
  return await client.output('curl', ['-sS', '--max-time', '60', ...args]);
}

async function sha256({ client }: Subject, path: string): Promise<string> {
  return (await client.output('sha256sum', ['-z', path])).slice(0, 64);
}
