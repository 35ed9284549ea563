import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { Server } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { eventually, listen } from '../../test/fakes/connections.ts';
import { HttpHop, RawClient } from '../../test/fakes/http-hop.ts';

const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: cart\r\n\r\n';

/** What an attacker sends so that two programs disagree on where a request ends. */
const refused: [what: string, bytes: string][] = [
  ['CL.TE', post('Content-Length: 4\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${SMUGGLED}`)],
  ['TE.CL', post('Transfer-Encoding: chunked\r\nContent-Length: 4\r\n', `0\r\n\r\n${SMUGGLED}`)],
  ['TE.TE', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n', `0\r\n\r\n${SMUGGLED}`)],
  ['CL.CL', post('Content-Length: 0\r\nContent-Length: 60\r\n', SMUGGLED)],
  ['a space before the colon', post('Transfer-Encoding : chunked\r\n', `0\r\n\r\n${SMUGGLED}`)],
  ['a fold', post('X: y\r\n Transfer-Encoding: chunked\r\n', `0\r\n\r\n${SMUGGLED}`)],
  ['xchunked', post('Transfer-Encoding: xchunked\r\n', `0\r\n\r\n${SMUGGLED}`)],
  ['a vertical tab', post('Transfer-Encoding:\x0bchunked\r\n', `0\r\n\r\n${SMUGGLED}`)],
  ['a NUL', post('Transfer-Encoding: chunked\0\r\n', `0\r\n\r\n${SMUGGLED}`)],
  ['a line ended by LF', post('X: y\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${SMUGGLED}`)],
  ['a line ended by CR', post('X: y\rTransfer-Encoding: chunked\r\n', `0\r\n\r\n${SMUGGLED}`)],
  ['a sign in the length', post('Content-Length: +5\r\n', SMUGGLED)],
  [
    'an expectation in disguise',
    post('Expect: y 100-continue\r\nContent-Length: 60\r\n', SMUGGLED),
  ],
  [
    'HTTP/1.0 with chunks',
    `POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  ],
  ['two hosts', `GET / HTTP/1.1\r\nHost: cart\r\nHost: other\r\n\r\n${SMUGGLED}`],
  ['a folded request line', `GET / HTTP/1.1\r\n Host: cart\r\n\r\n${SMUGGLED}`],
  ['CONNECT', `CONNECT cart:80 HTTP/1.1\r\nHost: cart\r\n\r\n${SMUGGLED}`],
];

/** Valid to us; the application must see it the same way. */
const accepted: [what: string, bytes: string, seen: string[]][] = [
  ['chunks', chunked('5\r\nabcde\r\n0\r\n\r\n'), ['POST / abcde']],
  ['an extension', chunked('5;a=b\r\nabcde\r\n0\r\n\r\n'), ['POST / abcde']],
  ['a trailer that lies', chunked('0\r\nContent-Length: 60\r\n\r\n'), ['POST / ']],
  ['a length with zeros', post('Content-Length: 0005\r\n', 'abcde'), ['POST / abcde']],
  [
    'a GET with a body',
    'GET / HTTP/1.1\r\nHost: cart\r\nContent-Length: 5\r\n\r\nabcde',
    ['GET / abcde'],
  ],
  [
    'a body that looks like a request',
    post(`Content-Length: ${SMUGGLED.length}\r\n`, SMUGGLED),
    [`POST / ${SMUGGLED}`],
  ],
  [
    'a Connection that names the length',
    post('Connection: content-length\r\nContent-Length: 5\r\n', 'abcde'),
    ['POST / abcde'],
  ],
  [
    'h2c',
    'GET / HTTP/1.1\r\nHost: cart\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n\r\n',
    ['GET / '],
  ],
  [
    'an upgrade that is declined, with a request behind it',
    `GET /a HTTP/1.1\r\nHost: cart\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n${'GET /b HTTP/1.1\r\nHost: cart\r\n\r\n'}`,
    ['GET /a ', 'GET /b '],
  ],
];

/** Broken only in the body: its head has gone ahead, but never a whole request. */
const brokenBodies: [what: string, bytes: string][] = [
  ['a size with a sign', chunked(`+5\r\nabcde\r\n0\r\n\r\n${SMUGGLED}`)],
  ['a size that overflows', chunked(`10000000000000005\r\nabcde\r\n0\r\n\r\n${SMUGGLED}`)],
  ['a size ended by LF', chunked(`5\nabcde\r\n0\r\n\r\n${SMUGGLED}`)],
  ['data ended by LF', chunked(`5\r\nabcde\n0\r\n\r\n${SMUGGLED}`)],
  ['too much data', chunked(`5\r\nabcdefgh\r\n0\r\n\r\n${SMUGGLED}`)],
  ['a line feed in an extension', chunked(`5;\n\r\nabcde\r\n0\r\n\r\n${SMUGGLED}`)],
  ['a bare LF after the last chunk', chunked(`0\r\n\n${SMUGGLED}`)],
];

function post(fields: string, body: string): string {
  return `POST / HTTP/1.1\r\nHost: cart\r\n${fields}\r\n${body}`;
}

function chunked(body: string): string {
  return post('Transfer-Encoding: chunked\r\n', body);
}

/** Whole requests that the application saw. */
let seen: string[] = [];
const application = createServer((req, res) => {
  let body = '';
  req.on('data', (bytes) => {
    body += bytes;
  });
  req.on('error', () => {});
  req.on('end', () => {
    seen.push(`${req.method} ${req.url} ${body}`);
    res.end();
  });
});
let hop: HttpHop;

before(async () => {
  const port = await listen(application as unknown as Server);
  hop = await new HttpHop({ endpoints: [port] }).start();
});

after(() => {
  hop.close();
  application.close();
  application.closeAllConnections();
});

async function send(bytes: string, onePiece: boolean): Promise<RawClient> {
  seen = [];
  const client = await RawClient.connect(hop.port);
  for (const piece of onePiece ? [bytes] : bytes) {
    if (client.ended || client.closed) break;
    client.send(piece);
    if (!onePiece) await new Promise(setImmediate);
  }
  return client;
}

for (const onePiece of [true, false]) {
  describe(onePiece ? 'sent at once' : 'sent byte by byte', () => {
    for (const [what, bytes] of refused) {
      test(`${what} is refused, and nothing reaches the application`, async () => {
        const client = await send(bytes, onePiece);
        const received = await client.toEnd();
        client.close();
        assert.match(received, /^HTTP\/1.1 (400|417|501) .*x-remora-error: /s);
        assert.equal(received.split('HTTP/1.1').length - 1, 1, 'one answer');
        assert.deepEqual(seen, []);
      });
    }

    for (const [what, bytes] of brokenBodies) {
      test(`${what} ends the request before the application has it whole`, async () => {
        const client = await send(bytes, onePiece);
        const received = await client.toEnd();
        client.close();
        assert.match(received, /^HTTP\/1.1 400 .*x-remora-error: bad-/s);
        assert.deepEqual(seen, []);
      });
    }

    for (const [what, bytes, expected] of accepted) {
      test(`${what} is seen alike on both sides`, async () => {
        const client = await send(bytes, onePiece);
        await eventually(
          () => client.received.split('HTTP/1.1 200').length > expected.length,
          what,
        );
        // Nothing of it is left over that the next request could be taken for.
        client.send('GET /last HTTP/1.1\r\nHost: cart\r\nConnection: close\r\n\r\n');
        await client.toEnd();
        client.close();
        assert.deepEqual(seen, [...expected, 'GET /last ']);
      });
    }
  });
}
