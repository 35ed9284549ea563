import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { MeshError } from '../../runtime/errors.ts';
import { HEAD_LIMIT_BYTES, HeadReader } from './head.ts';
import { parseRequest, type Request } from './request.ts';

/** Reads a head out of pieces; everything must be used up. */
function parse(pieces: readonly Buffer[]): Request {
  const reader = new HeadReader('request');
  for (const [index, piece] of pieces.entries()) {
    const end = reader.feed(piece, 0);
    if (end < 0) continue;
    assert.equal(end, piece.length, 'bytes after the head');
    assert.equal(index, pieces.length - 1, 'pieces after the head');
    return parseRequest(reader.head);
  }
  throw new Error('the head is not complete');
}

function refusal(pieces: readonly Buffer[]): string {
  const reader = new HeadReader('request');
  try {
    for (const piece of pieces) {
      if (reader.feed(piece, 0) >= 0) {
        parseRequest(reader.head);
        return 'accepted';
      }
    }
  } catch (error) {
    if (error instanceof MeshError) return error.code;
    throw error;
  }
  return 'more is needed';
}

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const bytewise = (text: string): Buffer[] => [...text].map(latin1);

/** Cut at any places. */
function cuts(text: string): fc.Arbitrary<Buffer[]> {
  return fc.array(fc.nat(text.length), { maxLength: 6 }).map((places) => {
    const bounds = [0, ...places.sort((a, b) => a - b), text.length];
    const pieces = bounds.slice(1).map((end, index) => latin1(text.slice(bounds[index], end)));
    return pieces.filter((piece) => piece.length > 0);
  });
}

const get = (fields: string): string => `GET / HTTP/1.1\r\n${fields}\r\n`;
const withHost = (fields: string): string => get(`Host: cart\r\n${fields}`);
const post = (fields: string): string => `POST / HTTP/1.1\r\nHost: cart\r\n${fields}\r\n`;
const target = (text: string): string => `GET ${text} HTTP/1.1\r\nHost: cart\r\n\r\n`;
const host = (text: string): string => `GET / HTTP/1.1\r\nHost: ${text}\r\n\r\n`;

const refused: [what: string, head: string, code: string][] = [
  // Start line
  ['no version', 'GET /\r\nHost: cart\r\n\r\n', 'bad-head'],
  ['two spaces after the method', 'GET  / HTTP/1.1\r\nHost: cart\r\n\r\n', 'bad-target'],
  ['two spaces before the version', 'GET /  HTTP/1.1\r\nHost: cart\r\n\r\n', 'bad-target'],
  ['a method in small letters', 'get / HTTP/1.1\r\nHost: cart\r\n\r\n', 'bad-head'],
  ['a tab instead of a space', 'GET\t/ HTTP/1.1\r\nHost: cart\r\n\r\n', 'bad-head'],
  ['a space before the method', ' GET / HTTP/1.1\r\nHost: cart\r\n\r\n', 'bad-head'],
  ['a space after the version', 'GET / HTTP/1.1 \r\nHost: cart\r\n\r\n', 'bad-head'],
  ['a method that is no token', 'G(ET / HTTP/1.1\r\nHost: cart\r\n\r\n', 'bad-head'],
  ['the version in lower case', 'GET / http/1.1\r\nHost: cart\r\n\r\n', 'bad-head'],
  ['HTTP/1.2', 'GET / HTTP/1.2\r\nHost: cart\r\n\r\n', 'unsupported-version'],
  ['HTTP/0.9', 'GET / HTTP/0.9\r\nHost: cart\r\n\r\n', 'unsupported-version'],
  ['HTTP/2.0', 'PRI * HTTP/2.0\r\n\r\n', 'unsupported-version'],
  ['two digits in the version', 'GET / HTTP/1.10\r\nHost: cart\r\n\r\n', 'bad-head'],
  ['bare LF after the request line', 'GET / HTTP/1.1\nHost: cart\r\n\r\n', 'bad-head'],
  ['bare CR in the request line', 'GET /\rx HTTP/1.1\r\nHost: cart\r\n\r\n', 'bad-head'],
  ['two empty lines before it', '\r\n\r\nGET / HTTP/1.1\r\nHost: cart\r\n\r\n', 'bad-head'],
  // Lines
  ['bare LF after a header', withHost('A: b\nC: d\r\n'), 'bad-head'],
  ['bare LF instead of the empty line', 'GET / HTTP/1.1\r\nHost: cart\r\n\n\r\n', 'bad-head'],
  ['bare CR in a value', withHost('A: b\rc\r\n'), 'bad-head'],
  ['NUL in a value', withHost('A: b\0c\r\n'), 'bad-head'],
  ['DEL in a value', withHost('A: b\x7fc\r\n'), 'bad-head'],
  ['vertical tab in a value', withHost('A: b\x0bc\r\n'), 'bad-head'],
  ['a folded header', withHost('A: b\r\n c\r\n'), 'bad-head'],
  ['a header folded with a tab', withHost('A: b\r\n\tc\r\n'), 'bad-head'],
  ['a fold right after the request line', get(' Host: cart\r\n'), 'bad-head'],
  ['a space before the colon', withHost('A : b\r\n'), 'bad-head'],
  ['a tab before the colon', withHost('A\t: b\r\n'), 'bad-head'],
  ['an empty name', withHost(': b\r\n'), 'bad-head'],
  ['a line without a colon', withHost('A\r\n'), 'bad-head'],
  ['a name that is no token', withHost('A(b): c\r\n'), 'bad-head'],
  ['a name with a byte over 127', withHost('\xe4: c\r\n'), 'bad-head'],
  ['too many headers', withHost('A: b\r\n'.repeat(300)), 'head-too-large'],
  ['a head that is too long', withHost(`A: ${'b'.repeat(HEAD_LIMIT_BYTES)}\r\n`), 'head-too-large'],
  // Framing
  ['CL with TE', post('Content-Length: 3\r\nTransfer-Encoding: chunked\r\n'), 'bad-framing'],
  ['TE with CL', post('Transfer-Encoding: chunked\r\nContent-Length: 3\r\n'), 'bad-framing'],
  ['CL twice, equal', post('Content-Length: 3\r\nContent-Length: 3\r\n'), 'bad-framing'],
  ['CL twice, different', post('Content-Length: 3\r\nContent-Length: 4\r\n'), 'bad-framing'],
  ['CL as a list', post('Content-Length: 3, 3\r\n'), 'bad-framing'],
  ['CL with a sign', post('Content-Length: +3\r\n'), 'bad-framing'],
  ['CL below zero', post('Content-Length: -3\r\n'), 'bad-framing'],
  ['CL in hexadecimal', post('Content-Length: 0x3\r\n'), 'bad-framing'],
  ['CL with a letter', post('Content-Length: 3a\r\n'), 'bad-framing'],
  ['CL with a space inside', post('Content-Length: 3 3\r\n'), 'bad-framing'],
  ['CL empty', post('Content-Length:\r\n'), 'bad-framing'],
  ['CL with other digits', post('Content-Length: \xb3\r\n'), 'bad-framing'],
  ['CL too large', post('Content-Length: 10000000000000000\r\n'), 'body-too-large'],
  ['TE twice', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n'), 'bad-framing'],
  [
    'TE twice, one unknown',
    post('Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n'),
    'bad-framing',
  ],
  ['TE chunked twice in a list', post('Transfer-Encoding: chunked, chunked\r\n'), 'bad-framing'],
  ['TE with chunked not last', post('Transfer-Encoding: chunked, gzip\r\n'), 'bad-framing'],
  ['TE of gzip', post('Transfer-Encoding: gzip, chunked\r\n'), 'unsupported-transfer-coding'],
  ['TE of identity', post('Transfer-Encoding: identity\r\n'), 'unsupported-transfer-coding'],
  ['TE in quotes', post('Transfer-Encoding: "chunked"\r\n'), 'bad-framing'],
  ['TE with a parameter', post('Transfer-Encoding: chunked;q=1\r\n'), 'bad-framing'],
  ['TE with a byte before', post('Transfer-Encoding: \xa0chunked\r\n'), 'bad-framing'],
  ['TE with a comma', post('Transfer-Encoding: ,chunked\r\n'), 'bad-framing'],
  ['TE empty', post('Transfer-Encoding:\r\n'), 'bad-framing'],
  [
    'TE in HTTP/1.0',
    'POST / HTTP/1.0\r\nHost: cart\r\nTransfer-Encoding: chunked\r\n\r\n',
    'bad-framing',
  ],
  // Host
  ['no Host', get(''), 'bad-host'],
  ['Host twice', get('Host: cart\r\nHost: cart\r\n'), 'bad-host'],
  ['an empty Host', host(''), 'bad-host'],
  ['Host with a user', host('me@cart'), 'bad-host'],
  ['Host with a path', host('cart/x'), 'bad-host'],
  ['Host with a space', host('cart x'), 'bad-host'],
  ['Host as a list', host('cart, cart'), 'bad-host'],
  ['Host with an empty port', host('cart:'), 'bad-host'],
  ['Host with port 0', host('cart:0'), 'bad-host'],
  ['Host with a port too large', host('cart:65536'), 'bad-host'],
  ['Host with a named port', host('cart:http'), 'bad-host'],
  ['Host with percent-encoding', host('c%61rt'), 'bad-host'],
  ['Host with a byte over 127', host('c\xe4rt'), 'bad-host'],
  ['IPv6 without brackets', host('::1'), 'bad-host'],
  ['IPv6 without an end', host('[::1'), 'bad-host'],
  // Target
  ['a fragment', target('/a#b'), 'bad-target'],
  ['a byte over 127 in the path', target('/\xe4'), 'bad-target'],
  ['a control byte in the path', target('/\x01'), 'bad-head'],
  ['a target without a slash', target('a'), 'bad-target'],
  ['`*` with GET', target('*'), 'bad-target'],
  ['a URL with a user', target('http://me@cart/'), 'bad-target'],
  ['a URL with user and password', target('http://me:pw@cart/'), 'bad-target'],
  ['a URL without a host', target('http:///x'), 'bad-target'],
  ['a URL of another scheme', target('https://cart/'), 'bad-target'],
  ['CONNECT without a port', 'CONNECT cart HTTP/1.1\r\nHost: cart\r\n\r\n', 'bad-target'],
  ['CONNECT with a path', 'CONNECT /a HTTP/1.1\r\nHost: cart\r\n\r\n', 'bad-target'],
  [
    'CONNECT with a body',
    'CONNECT cart:80 HTTP/1.1\r\nHost: cart\r\nContent-Length: 3\r\n\r\n',
    'bad-framing',
  ],
  // Expect
  ['another expectation', post('Expect: 200-ok\r\n'), 'unsupported-expectation'],
  ['an expectation behind another', post('Expect: y 100-continue\r\n'), 'unsupported-expectation'],
  [
    'an expectation twice',
    post('Expect: 100-continue\r\nExpect: 100-continue\r\n'),
    'unsupported-expectation',
  ],
];

describe('a request is refused with', () => {
  for (const [what, head, code] of refused) {
    test(what, () => {
      assert.equal(refusal([latin1(head)]), code);
      assert.equal(refusal(bytewise(head)), code, 'byte by byte');
    });
  }
});

const accepted: [what: string, head: string, expected: Partial<Request>][] = [
  ['a plain GET', withHost(''), { method: 'GET', form: 'origin', host: 'cart', path: '/' }],
  ['an empty line before it', `\r\n${withHost('')}`, { method: 'GET' }],
  ['a port in Host', host('Cart:8080'), { host: 'cart', port: 8080 }],
  ['an IPv6 Host', host('[::1]:80'), { host: '::1', port: 80 }],
  ['white space around a value', host(' \t cart \t '), { host: 'cart' }],
  ['no space after the colon', get('Host:cart\r\n'), { host: 'cart' }],
  ['a query', target('/a/b?c=d&e'), { path: '/a/b', query: 'c=d&e' }],
  ['an empty query', target('/a?'), { path: '/a', query: '' }],
  ['a URL', target('HTTP://Shop:81/a?b'), { form: 'absolute', host: 'shop', port: 81, path: '/a' }],
  ['a URL without a path', target('http://shop?b'), { host: 'shop', path: '/', query: 'b' }],
  ['OPTIONS *', 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n', { form: 'asterisk', path: '*' }],
  [
    'CONNECT',
    'CONNECT shop:443 HTTP/1.1\r\nHost: shop:443\r\n\r\n',
    { form: 'authority', host: 'shop', port: 443 },
  ],
  ['a length', post('Content-Length: 0012\r\n'), { framing: { kind: 'length', bytes: 12 } }],
  ['chunks', post('Transfer-Encoding: Chunked\r\n'), { framing: { kind: 'chunked' } }],
  ['HTTP/1.0 without Host', 'GET / HTTP/1.0\r\n\r\n', { host: '', keepAlive: false }],
  ['HTTP/1.0 that stays', 'GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n', { keepAlive: true }],
  ['a client that leaves', withHost('Connection: close\r\n'), { keepAlive: false }],
  [
    'a WebSocket',
    withHost('Connection: Upgrade\r\nUpgrade: websocket\r\n'),
    { upgrade: 'websocket' },
  ],
  ['h2c', withHost('Connection: Upgrade\r\nUpgrade: h2c\r\n'), { upgrade: undefined }],
  ['Upgrade without Connection', withHost('Upgrade: websocket\r\n'), { upgrade: undefined }],
  [
    'an upgrade with a body',
    post('Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n'),
    { upgrade: undefined },
  ],
  [
    'an expectation',
    post('Expect: 100-Continue\r\nContent-Length: 3\r\n'),
    { expectsContinue: true },
  ],
  ['an expectation without a body', post('Expect: 100-continue\r\n'), { expectsContinue: false }],
  ['a method of its own', 'PURGE / HTTP/1.1\r\nHost: a\r\n\r\n', { method: 'PURGE' }],
];

describe('a request is understood with', () => {
  for (const [what, head, expected] of accepted) {
    test(what, () => {
      const check = (pieces: Buffer[]): void => {
        const request = parse(pieces);
        for (const [key, value] of Object.entries(expected)) {
          assert.deepEqual(request[key as keyof Request], value, key);
        }
      };
      check([latin1(head)]);
      check(bytewise(head));
      fc.assert(fc.property(cuts(head), check), { numRuns: 20 });
    });
  }
});

test('what comes behind a head is left alone, however the head is cut', () => {
  const head = withHost('A: b\r\n');
  const body = 'GET / HTTP/1.1\r\n';
  for (let cut = 0; cut < head.length; cut++) {
    const reader = new HeadReader('request');
    const first = latin1(head.slice(0, cut));
    if (cut > 0) assert.equal(reader.feed(first, 0), -1);
    assert.equal(reader.feed(latin1(head.slice(cut) + body), 0), head.length - cut);
    assert.equal(reader.started, false);
    assert.equal(parseRequest(reader.head).header('a'), 'b');
  }
});

test('a head grows over several buffers and stays readable', () => {
  const fields = Array.from({ length: 200 }, (_, i) => `x-${i}: ${'v'.repeat(i)}\r\n`).join('');
  const request = parse(bytewise(withHost(fields)));
  assert.equal(request.header('x-199')?.length, 199);
});

const rewritten: [what: string, head: string, lines: string[]][] = [
  [
    'keeps end-to-end headers as they came, and in order',
    withHost('X-A: 1\r\nx-b:2\r\nX-A:  3 \r\n'),
    ['GET / HTTP/1.1', 'Host: cart', 'X-A: 1', 'x-b:2', 'X-A:  3 '],
  ],
  [
    'drops hop-by-hop headers, and those that Connection names',
    withHost('Connection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nTE: gzip\r\nX-End: 2\r\n'),
    ['GET / HTTP/1.1', 'Host: cart', 'X-End: 2'],
  ],
  [
    'does not let Connection name away what a proxy answers for',
    post('Connection: host, content-length, x-forwarded-client-cert\r\nContent-Length: 3\r\n'),
    ['POST / HTTP/1.1', 'Host: cart', 'content-length: 3'],
  ],
  [
    'drops what speaks of trust',
    withHost('X-Forwarded-Client-Cert: URI=x\r\nX-Remora-Token: 1\r\nX-Remora: 2\r\n'),
    ['GET / HTTP/1.1', 'Host: cart', 'X-Remora: 2'],
  ],
  [
    'drops what CGI would take for a header that means something',
    withHost(
      'X_Forwarded_Client_Cert: a\r\nx-forwarded_client-cert: b\r\nX_Remora_Error: c\r\nContent_Length: 3\r\nTransfer_Encoding: chunked\r\nX_Other: d\r\n',
    ),
    ['GET / HTTP/1.1', 'Host: cart', 'X_Other: d'],
  ],
  [
    'drops h2c that names a version',
    withHost('Connection: Upgrade\r\nUpgrade: h2c/2.0\r\n'),
    ['GET / HTTP/1.1', 'Host: cart'],
  ],
  [
    'drops h2c with its settings',
    withHost('Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n'),
    ['GET / HTTP/1.1', 'Host: cart'],
  ],
  [
    'tells that trailers are welcome',
    withHost('Connection: TE\r\nTE: Trailers\r\n'),
    ['GET / HTTP/1.1', 'Host: cart', 'connection: te', 'te: trailers'],
  ],
  [
    'tells nothing of transfer codings',
    withHost('Connection: TE\r\nTE: trailers, deflate\r\n'),
    ['GET / HTTP/1.1', 'Host: cart'],
  ],
  [
    'tells nothing when TE is given twice',
    withHost('TE: trailers\r\nTE: trailers\r\n'),
    ['GET / HTTP/1.1', 'Host: cart'],
  ],
  [
    'keeps a WebSocket whose client takes trailers',
    withHost('Connection: Upgrade, TE\r\nUpgrade: websocket\r\nTE: trailers\r\n'),
    [
      'GET / HTTP/1.1',
      'Host: cart',
      'connection: upgrade, te',
      'te: trailers',
      'upgrade: websocket',
    ],
  ],
  [
    'keeps a WebSocket',
    withHost('Connection: Upgrade\r\nUpgrade: websocket\r\n'),
    ['GET / HTTP/1.1', 'Host: cart', 'connection: upgrade', 'upgrade: websocket'],
  ],
  [
    'writes framing in its one form',
    post('Content-Length: \t 0003\r\n'),
    ['POST / HTTP/1.1', 'Host: cart', 'content-length: 3'],
  ],
  [
    'turns a URL into a path, and its authority into Host',
    'GET http://shop:81/a HTTP/1.1\r\nHost: other\r\n\r\n',
    ['GET /a HTTP/1.1', 'host: shop:81'],
  ],
  [
    'turns OPTIONS of a URL without a path into one of the server',
    'OPTIONS http://shop HTTP/1.1\r\nHost: other\r\n\r\n',
    ['OPTIONS * HTTP/1.1', 'host: shop'],
  ],
  ['gives HTTP/1.0 a Host', 'GET /a HTTP/1.0\r\n\r\n', ['GET /a HTTP/1.1', 'host: cart.shop']],
  [
    'leaves the path as it came when nobody decided by it',
    target('/a//b/../c%2f?d'),
    ['GET /a//b/../c%2f?d HTTP/1.1', 'Host: cart'],
  ],
];

describe('a request that is passed on', () => {
  for (const [what, head, lines] of rewritten) {
    test(what, () => {
      const encoded = parse([latin1(head)]).encode(false, 'cart.shop');
      assert.equal(encoded.toString('latin1'), `${lines.join('\r\n')}\r\n\r\n`);
    });
  }

  test('has the path that a rule decided by', () => {
    const encoded = parse([latin1(target('/a//b/../%63?d'))]).encode(true, '');
    assert.equal(encoded.toString('latin1'), 'GET /a/c?d HTTP/1.1\r\nhost: cart\r\n\r\n');
  });

  test('is understood again, to the same effect', () => {
    for (const [, head] of accepted) {
      const request = parse([latin1(head)]);
      if (request.form === 'authority') continue;
      const again = parse([request.encode(false, 'cart.shop')]);
      assert.equal(again.method, request.method);
      assert.equal(again.path, request.path);
      assert.equal(again.query, request.query);
      assert.deepEqual(again.framing, request.framing);
      assert.equal(again.upgrade, request.upgrade);
    }
  });
});
