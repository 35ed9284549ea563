import {
  abandoned,
  chunked,
  forwarded,
  get,
  post,
  refused,
  SMUGGLED,
  seen,
  type Vector,
  vector,
} from '../vector.ts';

const HEAD = refused(400, 'bad-head');
const VERSION = refused(505, 'unsupported-version');
const SEEN = forwarded(seen('GET', '/'));
const ABCDE = forwarded(seen('POST', '/', 'abcde'));

const versions: readonly Vector[] = [
  vector('HTTP/1.0', 'GET / HTTP/1.0\r\nHost: cart\r\n\r\n', SEEN),
  vector('HTTP/1.0 without a host', 'GET / HTTP/1.0\r\n\r\n', SEEN),
  vector(
    'HTTP/1.0 that is kept',
    'GET / HTTP/1.0\r\nHost: cart\r\nConnection: keep-alive\r\n\r\n',
    SEEN,
  ),
  vector('HTTP/1.0 with a body', 'POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nabcde', ABCDE),
  vector('HTTP/1.0 with a URL', 'GET http://cart/a HTTP/1.0\r\n\r\n', forwarded(seen('GET', '/a'))),
  ...['HTTP/1.2', 'HTTP/1.9', 'HTTP/2.0', 'HTTP/0.9', 'HTTP/3.0', 'HTTP/9.9'].map((version) =>
    vector(version, `GET / ${version}\r\nHost: cart\r\n\r\n`, VERSION),
  ),
  ...[
    'HTTP/1.10',
    'HTTP/1.01',
    'HTTP/01.1',
    'HTTP/1',
    'HTTP/1.',
    'HTTP/.1',
    'HTTP/1,1',
    'HTTP/1.1x',
    'HTTP/-1.1',
    'http/1.1',
    'Http/1.1',
    'HTTP 1.1',
    'HTTP/ 1.1',
    'HTTPS/1.1',
    'ICY/1.1',
    'HTTP/\xb9.1',
    '',
  ].map((version) =>
    vector(
      `the version ${JSON.stringify(version)}`,
      `GET / ${version}\r\nHost: cart\r\n\r\n`,
      HEAD,
    ),
  ),
  vector('no version (HTTP/0.9)', 'GET /\r\n', abandoned(), { ends: true }),
  vector('no version, with fields', 'GET /\r\nHost: cart\r\n\r\n', HEAD),
  vector('a space behind the version', 'GET / HTTP/1.1 \r\nHost: cart\r\n\r\n', HEAD),
  vector('a tab behind the version', 'GET / HTTP/1.1\t\r\nHost: cart\r\n\r\n', HEAD),
  vector(
    'two versions',
    'GET / HTTP/1.1 HTTP/1.1\r\nHost: cart\r\n\r\n',
    refused(400, 'bad-target'),
  ),
  vector('tabs for spaces', 'GET\t/\tHTTP/1.1\r\nHost: cart\r\n\r\n', HEAD),
  vector(
    'two spaces before the target',
    'GET  / HTTP/1.1\r\nHost: cart\r\n\r\n',
    refused(400, 'bad-target'),
  ),
  vector(
    'two spaces behind the target',
    'GET /  HTTP/1.1\r\nHost: cart\r\n\r\n',
    refused(400, 'bad-target'),
  ),
  vector('a space before the method', ' GET / HTTP/1.1\r\nHost: cart\r\n\r\n', HEAD),
  vector('no target', 'GET HTTP/1.1\r\nHost: cart\r\n\r\n', HEAD),
  vector('an empty target', 'GET  HTTP/1.1\r\nHost: cart\r\n\r\n', HEAD),
  vector('a request line of spaces', '   \r\nHost: cart\r\n\r\n', HEAD),
];

const methods: readonly Vector[] = [
  ...['HEAD', 'DELETE', 'OPTIONS', 'PUT', 'PATCH', 'PROPFIND', 'PURGE'].map((method) =>
    vector(method, `${method} / HTTP/1.1\r\nHost: cart\r\n\r\n`, forwarded(seen(method, '/'))),
  ),
  ...['TRACE', 'QUERY', 'FOO', 'GET-', 'A.B', "M!#$%&'*+-.^_`|~", 'X'.repeat(300)].map((method) =>
    vector(
      `the method ${method.slice(0, 20)}`,
      `${method} / HTTP/1.1\r\nHost: cart\r\n\r\n`,
      forwarded(seen(method, '/')),
      { ownAnswerBy: ['node', 'nginx', 'apache', 'haproxy', 'gunicorn'] },
    ),
  ),
  ...['get', 'Get', 'pOST', 'gET', 'foo', ''].map((method) =>
    vector(
      `the method ${JSON.stringify(method)}`,
      `${method} / HTTP/1.1\r\nHost: cart\r\n\r\n`,
      HEAD,
    ),
  ),
  ...['G\0T', 'G\x01T'].map((method) =>
    vector(
      `the method ${JSON.stringify(method)}`,
      `${method} / HTTP/1.1\r\nHost: cart\r\n\r\n`,
      HEAD,
    ),
  ),
  ...['GE(T', 'GE/T', 'GE:T', 'GE@T', '"GET"', 'G\xc4T', 'GET,'].map((method) =>
    vector(
      `the method ${JSON.stringify(method)}`,
      `${method} / HTTP/1.1\r\nHost: cart\r\n\r\n`,
      HEAD,
    ),
  ),
  vector(
    'CONNECT',
    `CONNECT cart:80 HTTP/1.1\r\nHost: cart\r\n\r\n${SMUGGLED}`,
    refused(501, 'connect-unsupported'),
  ),
  vector(
    'CONNECT of a path',
    'CONNECT / HTTP/1.1\r\nHost: cart\r\n\r\n',
    refused(400, 'bad-target'),
  ),
  vector(
    'CONNECT without a port',
    'CONNECT cart HTTP/1.1\r\nHost: cart\r\n\r\n',
    refused(400, 'bad-target'),
  ),
  vector(
    'CONNECT with a body',
    `CONNECT cart:80 HTTP/1.1\r\nHost: cart\r\nContent-Length: 5\r\n\r\nabcde`,
    refused(400, 'bad-framing'),
  ),
  vector(
    'the preface of HTTP/2 behind a request',
    `${get('/')}PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`,
    refused(505, 'unsupported-version', seen('GET', '/')),
  ),
  vector('TLS on a plain port', '\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n', HEAD),
  vector('a PROXY line', `PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n${get('/')}`, HEAD),
  vector('a PROXY line of version 2', `\r\n\r\n\0\r\nQUIT\n!\x11\0\x0c${get('/')}`, HEAD),
];

const expectations: readonly Vector[] = [
  vector(
    'Expect: 100-continue, with the body',
    post('Expect: 100-continue\r\nContent-Length: 5\r\n', 'abcde'),
    ABCDE,
  ),
  vector(
    'Expect: 100-continue, the body after the answer',
    [post('Expect: 100-continue\r\nContent-Length: 5\r\n', ''), 'abcde'],
    ABCDE,
  ),
  vector(
    'Expect: 100-continue with chunks',
    [chunked('', 'Expect: 100-continue\r\n'), '5\r\nabcde\r\n0\r\n\r\n'],
    ABCDE,
  ),
  vector(
    'Expect: 100-Continue',
    [post('Expect: 100-Continue\r\nContent-Length: 5\r\n', ''), 'abcde'],
    ABCDE,
  ),
  vector('Expect: 100-continue without a body', get('/', 'Expect: 100-continue\r\n'), SEEN),
  vector(
    'Expect: 100-continue with a length of 0',
    post('Expect: 100-continue\r\nContent-Length: 0\r\n', ''),
    forwarded(seen('POST', '/')),
  ),
  vector(
    'Expect: 100-continue in HTTP/1.0',
    'POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nabcde',
    ABCDE,
  ),
  ...[
    'x',
    '',
    '100-continue, x',
    'x, 100-continue',
    '100-continue ,',
    '100-continue;q=1',
    'y 100-continue',
    '100',
    '100-continue\x85',
  ].map((value) =>
    vector(
      `Expect: ${JSON.stringify(value)}`,
      post(`Expect: ${value}\r\nContent-Length: 5\r\n`, 'abcde'),
      refused(417, 'unsupported-expectation'),
    ),
  ),
  vector(
    'two expectations',
    post('Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 5\r\n', 'abcde'),
    refused(417, 'unsupported-expectation'),
  ),
];

const upgrades: readonly Vector[] = [
  [
    'h2c',
    'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n',
  ],
  ['h2c without settings', 'Connection: Upgrade\r\nUpgrade: h2c\r\n'],
  ['h2c in capitals', 'Connection: upgrade\r\nUpgrade: H2C\r\n'],
  [
    'h2c with a version',
    'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c/2.0\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n',
  ],
  ['h2c in a list', 'Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n'],
  ['h2c in a second field', 'Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n'],
  ['h2', 'Connection: Upgrade\r\nUpgrade: h2\r\n'],
  ['settings of HTTP/2 alone', 'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n'],
  ['an upgrade that Connection does not name', 'Upgrade: websocket\r\n'],
  ['a Connection: upgrade without an upgrade', 'Connection: upgrade\r\n'],
  ['an empty upgrade', 'Connection: upgrade\r\nUpgrade:\r\n'],
  ['an upgrade that nobody takes', 'Connection: upgrade\r\nUpgrade: nothing/1.0\r\n'],
].map(([name = '', fields = '']) => vector(name, get('/', fields), SEEN));

const afterUpgrade: readonly Vector[] = [
  vector(
    'a request behind a declined upgrade',
    get('/a', 'Connection: upgrade\r\nUpgrade: nothing/1.0\r\n') + get('/b'),
    forwarded(seen('GET', '/a'), seen('GET', '/b')),
  ),
  vector(
    'an upgrade with a body',
    post('Connection: upgrade\r\nUpgrade: nothing/1.0\r\nContent-Length: 5\r\n', 'abcde'),
    ABCDE,
  ),
  vector(
    'an upgrade in HTTP/1.0',
    'GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: nothing/1.0\r\n\r\n',
    SEEN,
  ),
];

const connection: readonly Vector[] = [
  ['Connection: close', 'Connection: close\r\n'],
  ['Connection: CLOSE', 'Connection: CLOSE\r\n'],
  ['Connection: keep-alive', 'Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n'],
  ['close and keep-alive', 'Connection: keep-alive, close\r\n'],
  ['an empty Connection', 'Connection:\r\n'],
  ['commas in Connection', 'Connection: ,, ,\r\n'],
  ['Connection names itself', 'Connection: connection\r\n'],
  ['Connection names a field', 'Connection: X\r\nX: y\r\n'],
  ['Connection names cookies', 'Connection: cookie\r\nCookie: a=b\r\n'],
  ['Connection names our header', 'Connection: x-forwarded-client-cert\r\n'],
  ['Connection names an error code', 'Connection: x-remora-error\r\n'],
  ['Connection names what is no token', 'Connection: a b, "c", \xe4\r\n'],
  ['Connection names __proto__', 'Connection: __proto__, constructor\r\n'],
  ['Proxy-Connection', 'Proxy-Connection: close\r\n'],
  ['Proxy-Authorization', 'Proxy-Authorization: Basic YTpi\r\n'],
  ['TE: trailers', 'TE: trailers\r\nConnection: TE\r\n'],
  ['TE: chunked', 'TE: chunked\r\n'],
  ['TE: trailers, deflate', 'TE: trailers, deflate;q=0.5\r\n'],
  ['Trailer', 'Trailer: Content-Length\r\n'],
].map(([name = '', fields = '']) => vector(name, get('/', fields), SEEN));

const manyOptions = vector(
  'Connection with a hundred options',
  get('/', `Connection: ${Array.from({ length: 100 }, (_, i) => `x${i}`).join(',')}\r\n`),
  HEAD,
);

/** Versions, methods, expectations, upgrades and what concerns one hop. */
export const SEMANTICS: readonly Vector[] = [
  ...versions,
  ...methods,
  ...expectations,
  ...upgrades,
  ...afterUpgrade,
  ...connection,
  manyOptions,
];
