/** Checks of HTTP/2 without TLS: `<url of the server> <bytes of a large body> <how many requests>`. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Digest, patternDigest, patternPieces } from './pattern.ts';
import { check } from './report.ts';

const [base = '', largeText = '', countText = ''] = process.argv.slice(2);
const largeBytes = Number(largeText);
const count = Number(countText);

/** A session of its own, which ends with the check. */
async function withSession(body: (session: ClientHttp2Session) => Promise<void>): Promise<void> {
  const session = connect(base);
  try {
    await once(session, 'connect');
    await body(session);
  } finally {
    session.destroy();
  }
}

interface Answer {
  readonly status: number;
  readonly body: Digest;
  readonly text: string;
  readonly trailers: OutgoingHttpHeaders;
}

async function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  const body = new Digest();
  let text = '';
  let status = 0;
  let trailers: OutgoingHttpHeaders = {};
  stream.on('response', (headers) => {
    status = headers[':status'] ?? 0;
  });
  stream.on('trailers', (headers) => {
    trailers = headers;
  });
  stream.on('data', (chunk: Buffer) => {
    body.add(chunk);
    if (text.length < 10_000) text += chunk;
  });
  await once(stream, 'end');
  return { status, body, text, trailers };
}

await check('many requests, many at a time', () =>
  withSession(async (session) => {
    for (let done = 0; done < count; done += 50) {
      const streams = Array.from({ length: 50 }, (_, i) => {
        const stream = session.request({ ':path': `/${done + i}` });
        return answerOf(stream);
      });
      for (const [i, { status, text }] of (await Promise.all(streams)).entries()) {
        assert.deepEqual([status, text], [200, `hello /${done + i}\n`]);
      }
    }
  }),
);

await check('large bodies in both directions at a time', () =>
  withSession(async (session) => {
    const exchange = async (): Promise<void> => {
      const download = answerOf(session.request({ ':path': `/bytes/${largeBytes}` }));
      const upload = session.request({ ':path': '/digest', ':method': 'POST' });
      const uploaded = answerOf(upload);
      await pipeline(Readable.from(patternPieces(largeBytes)), upload);
      const seen = JSON.parse((await uploaded).text);
      assert.deepEqual([seen.bytes, seen.sha256], [largeBytes, patternDigest(largeBytes)]);
      assert.equal((await download).body.hex, patternDigest(largeBytes));
    };
    await Promise.all([exchange(), exchange()]);
  }),
);

await check('a reader that stops does not stop the others', () =>
  withSession(async (session) => {
    const stalled = session.request({ ':path': `/bytes/${largeBytes}` });
    await once(stalled, 'response');
    stalled.pause();
    for (let i = 0; i < 20; i += 1) {
      const { text } = await answerOf(session.request({ ':path': `/${i}` }));
      assert.equal(text, `hello /${i}\n`);
    }
    const rest = answerOf(stalled);
    stalled.resume();
    assert.equal((await rest).body.hex, patternDigest(largeBytes));
  }),
);

await check('a request that is cancelled leaves the others alone', () =>
  withSession(async (session) => {
    const others = Array.from({ length: 10 }, () =>
      answerOf(session.request({ ':path': '/bytes/500000' })),
    );
    const cancelled = session.request({ ':path': `/bytes/${largeBytes}` });
    await once(cancelled, 'response');
    cancelled.close(constants.NGHTTP2_CANCEL);
    for (const { body } of await Promise.all(others)) {
      assert.equal(body.hex, patternDigest(500_000));
    }
  }),
);

await check('trailers, and answers without a body', () =>
  withSession(async (session) => {
    const { text, trailers } = await answerOf(session.request({ ':path': '/trailers' }));
    assert.deepEqual([text, trailers['x-checksum']], ['with trailers\n', 'abc']);
    for (const status of [204, 304, 404, 500]) {
      const answer = await answerOf(session.request({ ':path': `/status/${status}` }));
      assert.deepEqual([answer.status, answer.body.bytes], [status, 0]);
    }
  }),
);

await check('an answer to an upload that goes on', () =>
  withSession(async (session) => {
    const upload = session.request({ ':path': '/refuse', ':method': 'POST' });
    upload.on('error', () => {});
    upload.write(Buffer.alloc(1000));
    const { status, text } = await answerOf(upload);
    assert.deepEqual([status, text], [413, 'too much\n']);
    upload.destroy();
    assert.equal((await answerOf(session.request({ ':path': '/after' }))).text, 'hello /after\n');
  }),
);

await check('a ping is answered', () =>
  withSession(async (session) => {
    await new Promise<void>((resolve, reject) => {
      session.ping((error) => (error === null ? resolve() : reject(error)));
    });
  }),
);

await check('a session that ends in order finishes its requests', () =>
  withSession(async (session) => {
    const stream = session.request({ ':path': '/bytes/1000000' });
    const answer = answerOf(stream);
    await once(stream, 'response');
    session.close();
    assert.equal((await answer).body.hex, patternDigest(1_000_000));
  }),
);
