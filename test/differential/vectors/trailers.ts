import {
  chunked,
  forwarded,
  refusedInBody,
  SMUGGLED,
  seen,
  type Vector,
  vector,
} from '../vector.ts';

const ABCDE = forwarded(seen('POST', '/', 'abcde'));

/** What stands behind the last chunk. What concerns framing or trust is dropped, the rest relayed. */
export const TRAILERS: readonly Vector[] = [
  ...[
    ['a trailer', 'X-Checksum: 1\r\n'],
    ['two trailers', 'X-Checksum: 1\r\nX-Other: 2\r\n'],
    ['a trailer with a length', 'Content-Length: 60\r\n'],
    ['a trailer with a coding', 'Transfer-Encoding: chunked\r\n'],
    ['a trailer with a host', 'Host: other\r\n'],
    ['a trailer with Connection: close', 'Connection: close\r\n'],
    ['a trailer with an upgrade', 'Upgrade: h2c\r\n'],
    ['a trailer with an identity', 'X-Forwarded-Client-Cert: URI=spiffe://x/ns/a/sa/b\r\n'],
    ['a trailer of ours', 'x-remora-anything: 1\r\n'],
    ['a trailer with an underscore', 'content_length: 60\r\n'],
    ['an empty trailer', 'X:\r\n'],
  ].map(([name = '', trailers = '']) =>
    vector(name, chunked(`5\r\nabcde\r\n0\r\n${trailers}\r\n`), ABCDE),
  ),
  ...[
    ['a trailer ended by LF', 'X: y\n\r\n'],
    ['a folded trailer', 'X: y\r\n z\r\n'],
    ['a trailer with a space before the colon', 'X : y\r\n'],
    ['a trailer without a name', ': y\r\n'],
    ['a trailer without a colon', 'X\r\n'],
    ['a trailer with a NUL', 'X: \0\r\n'],
    ['a trailer with a bare CR', 'X: a\rb\r\n'],
    ['a trailer with a control byte in its name', 'X\x01: y\r\n'],
  ].map(([name = '', trailers = '']) =>
    vector(
      name,
      chunked(`5\r\nabcde\r\n0\r\n${trailers}\r\n${SMUGGLED}`),
      refusedInBody('bad-head'),
    ),
  ),
  vector(
    'trailers of 20,000 bytes',
    chunked(`5\r\nabcde\r\n0\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`),
    refusedInBody('head-too-large', 431),
  ),
  vector(
    '300 trailers',
    chunked(`5\r\nabcde\r\n0\r\n${'X: y\r\n'.repeat(300)}\r\n`),
    refusedInBody('head-too-large', 431),
  ),
];
