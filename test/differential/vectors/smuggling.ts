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
const FRAMING = refused(400, 'bad-framing');
const LENGTH = `Content-Length: ${SMUGGLED.length}\r\n`;
const AFTER_CHUNKS = `0\r\n\r\n${SMUGGLED}`;

/** A request in a body, for a server that thinks there is none: it must be taken for a body. */
const hidden: readonly Vector[] = [
  ...['GET', 'DELETE', 'OPTIONS', 'PUT', 'PATCH'].map((method) =>
    vector(
      `CL.0 with ${method}`,
      `${method} / HTTP/1.1\r\nHost: cart\r\n${LENGTH}\r\n${SMUGGLED}`,
      forwarded(seen(method, '/', SMUGGLED)),
      { ownAnswerBy: ['apache'] },
    ),
  ),
  vector(
    'CL.0 with HEAD',
    `HEAD / HTTP/1.1\r\nHost: cart\r\n${LENGTH}\r\n${SMUGGLED}`,
    forwarded(seen('HEAD', '/', SMUGGLED)),
  ),
  vector(
    'CL.0 with POST to a file',
    post(LENGTH, SMUGGLED, '/robots.txt'),
    forwarded(seen('POST', '/robots.txt', SMUGGLED)),
  ),
  vector(
    'chunks with GET',
    `${get('/', 'Transfer-Encoding: chunked\r\n')}26\r\n${SMUGGLED}\r\n0\r\n\r\n`,
    forwarded(seen('GET', '/', SMUGGLED)),
  ),
  vector('0.CL: a length that is hidden behind a fold', post(`X: y\r\n ${LENGTH}`, SMUGGLED), HEAD),
  vector(
    '0.CL: a length in the name of another field',
    post(`X:${LENGTH}`, ''),
    forwarded(seen('POST', '/')),
  ),
  vector(
    'a body without a length is the next request',
    post('', SMUGGLED),
    forwarded(seen('POST', '/'), seen('GET', '/smuggled')),
  ),
  vector(
    'a length that is too short leaves the next request',
    post('Content-Length: 5\r\n', `abcde${SMUGGLED}`),
    forwarded(seen('POST', '/', 'abcde'), seen('GET', '/smuggled')),
  ),
  vector(
    'a length that leaves half a request',
    post('Content-Length: 5\r\n', 'abcdeGET /half HTTP/1.1\r\nX'),
    abandoned(seen('POST', '/', 'abcde')),
    { ends: true },
  ),
  vector(
    'a length that is too long for what came',
    post('Content-Length: 100\r\n', 'abcde'),
    abandoned(),
    { ends: true },
  ),
  vector(
    'Connection names the length',
    post('Connection: content-length\r\nContent-Length: 5\r\n', 'abcde'),
    forwarded(seen('POST', '/', 'abcde')),
  ),
  vector(
    'Connection names the coding',
    chunked('5\r\nabcde\r\n0\r\n\r\n', 'Connection: close, Transfer-Encoding\r\n'),
    forwarded(seen('POST', '/', 'abcde')),
  ),
  vector(
    'Connection names the host',
    get('/', 'Connection: host\r\n'),
    forwarded(seen('GET', '/')),
  ),
];

/** The other framing, hidden so that only one of two programs finds it. */
const disguised: readonly Vector[] = [
  ...[
    ['a fold before the value', 'Transfer-Encoding:\r\n chunked\r\n'],
    ['a tab fold before the value', 'Transfer-Encoding:\r\n\tchunked\r\n'],
    ['a fold behind the value', 'Transfer-Encoding: chunked\r\n \r\n'],
    ['a fold of the field before', 'X: y\r\n Transfer-Encoding: chunked\r\n'],
    ['a fold of the field before, by tab', 'X: y\r\n\tTransfer-Encoding: chunked\r\n'],
    ['a space before the name', ' Transfer-Encoding: chunked\r\n'],
    ['a space before the colon', 'Transfer-Encoding : chunked\r\n'],
    ['a tab before the colon', 'Transfer-Encoding\t: chunked\r\n'],
    ['a bare LF before it', 'X: y\nTransfer-Encoding: chunked\r\n'],
    ['a bare CR before it', 'X: y\rTransfer-Encoding: chunked\r\n'],
    ['LF CR before it', 'X: y\n\rTransfer-Encoding: chunked\r\n'],
    ['CR CR LF before it', 'X: y\r\r\nTransfer-Encoding: chunked\r\n'],
    ['a NUL before it', 'X: y\0Transfer-Encoding: chunked\r\n'],
    ['a bare LF behind it', 'Transfer-Encoding: chunked\nX: y\r\n'],
    ['a bare CR behind it', 'Transfer-Encoding: chunked\rX: y\r\n'],
    ['a vertical tab before the value', 'Transfer-Encoding:\x0bchunked\r\n'],
    ['a form feed before the value', 'Transfer-Encoding:\x0cchunked\r\n'],
    ['a backspace behind the value', 'Transfer-Encoding: chunked\x08\r\n'],
    ['no colon', 'Transfer-Encoding chunked\r\n'],
    ['a semicolon for the colon', 'Transfer-Encoding; chunked\r\n'],
    ['an empty name', ': chunked\r\n'],
    ['a name in quotes', '"Transfer-Encoding": chunked\r\n'],
    ['a name in brackets', '[Transfer-Encoding]: chunked\r\n'],
  ].map(([name = '', fields = '']) =>
    vector(`TE with ${name}`, post(`${LENGTH}${fields}`, AFTER_CHUNKS), HEAD),
  ),
  ...[
    ['in two fields', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n'],
    ['in two fields of different case', 'Transfer-Encoding: chunked\r\nTransfer-encoding: x\r\n'],
    ['with identity before', 'Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n'],
    ['with a second, empty one', 'Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n'],
  ].map(([name = '', fields = '']) => vector(`TE.TE ${name}`, post(fields, AFTER_CHUNKS), FRAMING)),
  vector('CL.CL with a request between', post(`Content-Length: 0\r\n${LENGTH}`, SMUGGLED), FRAMING),
  vector(
    'a length in a second head',
    post(`X: y\r\n\r\n${LENGTH}`, SMUGGLED),
    refused(400, 'bad-head', seen('POST', '/')),
  ),
  vector(
    'a request line in a value',
    get('/', 'X: GET /smuggled HTTP/1.1\r\n'),
    forwarded(seen('GET', '/')),
  ),
  vector('a request line among the fields', get('/', 'GET /smuggled HTTP/1.1\r\n'), HEAD),
  vector('a method that ends a head early', 'GET / HTTP/1.1\r\nHost: cart\r\n\n\r\n', HEAD),
  vector('a head ended by LF LF', 'GET / HTTP/1.1\nHost: cart\n\n', HEAD),
  vector('a head ended by CR CR', 'GET / HTTP/1.1\rHost: cart\r\r', HEAD, { ends: true }),
  vector('a head ended by LF CRLF', 'GET / HTTP/1.1\r\nHost: cart\n\r\n', HEAD),
  vector('a head ended by CRLF LF', 'GET / HTTP/1.1\r\nHost: cart\r\n\n', HEAD),
  vector('a head ended by CRLF CR X', 'GET / HTTP/1.1\r\nHost: cart\r\n\rX', HEAD),
  vector('a folded request line', `GET / HTTP/1.1\r\n Host: cart\r\n\r\n${SMUGGLED}`, HEAD),
];

/** Several requests in one go, with one of them broken. */
const pipelined: readonly Vector[] = [
  vector('two requests', get('/a') + get('/b'), forwarded(seen('GET', '/a'), seen('GET', '/b'))),
  vector(
    'twenty requests',
    Array.from({ length: 20 }, (_, i) => get(`/${i}`)).join(''),
    forwarded(...Array.from({ length: 20 }, (_, i) => seen('GET', `/${i}`))),
  ),
  vector(
    'a body, then a request',
    post('Content-Length: 5\r\n', 'abcde', '/a') + get('/b'),
    forwarded(seen('POST', '/a', 'abcde'), seen('GET', '/b')),
  ),
  vector(
    'chunks, then a request',
    chunked('5\r\nabcde\r\n0\r\n\r\n') + get('/b'),
    forwarded(seen('POST', '/', 'abcde'), seen('GET', '/b')),
  ),
  vector(
    'a request, then a broken one',
    `${get('/a')}BROKEN\r\n\r\n${get('/b')}`,
    refused(400, 'bad-head', seen('GET', '/a')),
  ),
  vector(
    'a request, then CL.TE',
    get('/a') + post('Content-Length: 4\r\nTransfer-Encoding: chunked\r\n', AFTER_CHUNKS),
    refused(400, 'bad-framing', seen('GET', '/a')),
  ),
  vector(
    'a request, then one without a host',
    `${get('/a')}GET /b HTTP/1.1\r\n\r\n`,
    refused(400, 'bad-host', seen('GET', '/a')),
  ),
  vector(
    'a request behind Connection: close is not answered',
    get('/a', 'Connection: close\r\n') + get('/b'),
    forwarded(seen('GET', '/a')),
  ),
  vector(
    'a request behind HTTP/1.0 is not answered',
    `GET /a HTTP/1.0\r\nHost: cart\r\n\r\n${get('/b')}`,
    forwarded(seen('GET', '/a')),
  ),
  vector(
    'an empty line between two requests',
    `${post('Content-Length: 5\r\n', 'abcde')}\r\n${get('/b')}`,
    forwarded(seen('POST', '/', 'abcde'), seen('GET', '/b')),
  ),
  vector('an empty line before a request', `\r\n${get('/a')}`, forwarded(seen('GET', '/a'))),
  vector('two empty lines before a request', `\r\n\r\n${get('/a')}`, HEAD),
  vector(
    'a bare LF between two requests',
    `${get('/a')}\n${get('/b')}`,
    refused(400, 'bad-head', seen('GET', '/a')),
  ),
  vector(
    'a NUL between two requests',
    `${get('/a')}\0${get('/b')}`,
    refused(400, 'bad-head', seen('GET', '/a')),
  ),
  vector(
    'HEAD, then GET',
    `HEAD /a HTTP/1.1\r\nHost: cart\r\n\r\n${get('/b')}`,
    forwarded(seen('HEAD', '/a'), seen('GET', '/b')),
  ),
  vector(
    'another host in the second request',
    `${get('/a')}GET /b HTTP/1.1\r\nHost: other\r\n\r\n`,
    forwarded(seen('GET', '/a'), seen('GET', '/b')),
  ),
];

/** What an attacker sends so that two programs disagree on where a request ends. */
export const SMUGGLING: readonly Vector[] = [...hidden, ...disguised, ...pipelined];
