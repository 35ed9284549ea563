import {
  chunked,
  forwarded,
  post,
  refused,
  SMUGGLED,
  seen,
  type Vector,
  vector,
} from '../vector.ts';

const AMBIGUOUS = refused(400, 'bad-framing');
const CODING = refused(501, 'unsupported-transfer-coding');
const AFTER_CHUNKS = `0\r\n\r\n${SMUGGLED}`;

/** Content-Length alone: one number in digits, or a refusal. */
const lengths: readonly Vector[] = [
  vector('a length', post('Content-Length: 5\r\n', 'abcde'), forwarded(seen('POST', '/', 'abcde'))),
  vector('a length of 0', post('Content-Length: 0\r\n', ''), forwarded(seen('POST', '/'))),
  vector('no length at all', post('', ''), forwarded(seen('POST', '/'))),
  vector(
    'a length with leading zeros',
    post('Content-Length: 0005\r\n', 'abcde'),
    forwarded(seen('POST', '/', 'abcde')),
  ),
  vector(
    'a length between spaces and tabs',
    post('Content-Length: \t 5 \t\r\n', 'abcde'),
    forwarded(seen('POST', '/', 'abcde')),
  ),
  vector(
    'a length without a space before it',
    post('Content-Length:5\r\n', 'abcde'),
    forwarded(seen('POST', '/', 'abcde')),
  ),
  vector(
    'the name in capitals',
    post('CONTENT-LENGTH: 5\r\n', 'abcde'),
    forwarded(seen('POST', '/', 'abcde')),
  ),
  vector(
    'a body of all bytes',
    post('Content-Length: 256\r\n', everyByte()),
    forwarded(seen('POST', '/', everyByte())),
  ),
  vector(
    'a body of 100,000 bytes',
    post('Content-Length: 100000\r\n', 'x'.repeat(100_000)),
    forwarded(seen('POST', '/', 'x'.repeat(100_000))),
  ),
  ...[
    ['a sign before the length', '+5'],
    ['a negative length', '-5'],
    ['minus zero', '-0'],
    ['a length in hexadecimal', '0x5'],
    ['a length with an exponent', '5e0'],
    ['a length with a point', '5.0'],
    ['a length with an underscore', '1_0'],
    ['a length with a space in it', '1 0'],
    ['a length with a tab in it', '1\t0'],
    ['a length in quotes', '"5"'],
    ['a length with a semicolon', '5;'],
    ['a length with a comma', '5,'],
    ['a comma before the length', ',5'],
    ['two equal lengths in one field', '5, 5'],
    ['two different lengths in one field', '5, 6'],
    ['an empty length', ''],
    ['a length of spaces', '   '],
    ['letters for a length', 'five'],
    ['a digit of another script', '\xb5'],
    ['a no-break space behind the length', '5\xa0'],
  ].map(([name = '', value = '']) =>
    vector(name, post(`Content-Length: ${value}\r\n`, `abcde${SMUGGLED}`), AMBIGUOUS),
  ),
  ...['9'.repeat(16), '18446744073709551616', '4294967301'.padStart(40, '0'), '9'.repeat(300)].map(
    (value) =>
      vector(
        `a length of ${value.length} digits`,
        post(`Content-Length: ${value}\r\n`, 'abcde'),
        refused(413, 'body-too-large'),
      ),
  ),
  vector(
    'two equal lengths',
    post('Content-Length: 5\r\nContent-Length: 5\r\n', 'abcde'),
    AMBIGUOUS,
  ),
  vector(
    'two different lengths',
    post('Content-Length: 5\r\nContent-Length: 0\r\n', 'abcde'),
    AMBIGUOUS,
  ),
  vector(
    'two lengths in different spellings',
    post('Content-Length: 0\r\ncontent-length: 38\r\n', SMUGGLED),
    AMBIGUOUS,
  ),
  vector(
    'a length that is empty beside one that is not',
    post('Content-Length:\r\nContent-Length: 5\r\n', 'abcde'),
    AMBIGUOUS,
  ),
];

/** Transfer-Encoding alone: `chunked`, or a refusal. */
const codings: readonly Vector[] = [
  vector('chunks', chunked('5\r\nabcde\r\n0\r\n\r\n'), forwarded(seen('POST', '/', 'abcde'))),
  ...['Chunked', 'CHUNKED', '\t chunked \t'].map((value) =>
    vector(
      `the coding ${JSON.stringify(value)}`,
      post(`Transfer-Encoding: ${value}\r\n`, '5\r\nabcde\r\n0\r\n\r\n'),
      forwarded(seen('POST', '/', 'abcde')),
    ),
  ),
  vector(
    'the name of the coding field in capitals',
    post('TRANSFER-ENCODING:chunked\r\n', '5\r\nabcde\r\n0\r\n\r\n'),
    forwarded(seen('POST', '/', 'abcde')),
  ),
  ...['gzip, chunked', 'identity', 'gzip', 'xchunked', 'identity, chunked', 'x, y , z'].map(
    (value) =>
      vector(
        `the coding ${JSON.stringify(value)}`,
        post(`Transfer-Encoding: ${value}\r\n`, AFTER_CHUNKS),
        CODING,
      ),
  ),
  ...[
    'chunked, chunked',
    'chunked, gzip',
    'chunked,',
    ',chunked',
    'chunked;q=1',
    'chunked; a=b',
    '"chunked"',
    "'chunked'",
    'chunked chunked',
    'chun\tked',
    'chunked\xa0',
    '\xa0chunked',
    'chunked\x85',
    '=chunked',
    'chunked-',
    'chunke\xe4',
    '{chunked}',
    '',
    ' ',
  ].map((value) =>
    vector(
      `the coding ${JSON.stringify(value)}`,
      post(`Transfer-Encoding: ${value}\r\n`, AFTER_CHUNKS),
      AMBIGUOUS,
    ),
  ),
  ...[
    'chunked\0',
    '\0chunked',
    '\x0bchunked',
    '\x0cchunked',
    'chunked\x0b',
    'chunked\x7f',
    'chunked\x08',
  ].map((value) =>
    vector(
      `the coding ${JSON.stringify(value)}`,
      post(`Transfer-Encoding: ${value}\r\n`, AFTER_CHUNKS),
      refused(400, 'bad-head'),
    ),
  ),
  vector(
    'two codings, both chunked',
    post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', AFTER_CHUNKS),
    AMBIGUOUS,
  ),
  vector(
    'two codings, the second unknown',
    post('Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n', AFTER_CHUNKS),
    AMBIGUOUS,
  ),
  vector(
    'two codings, the first identity',
    post('Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n', AFTER_CHUNKS),
    AMBIGUOUS,
  ),
  vector(
    'two codings, the first empty',
    post('Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n', AFTER_CHUNKS),
    AMBIGUOUS,
  ),
  vector(
    'chunks in HTTP/1.0',
    `POST / HTTP/1.0\r\nHost: cart\r\nTransfer-Encoding: chunked\r\n\r\n${AFTER_CHUNKS}`,
    AMBIGUOUS,
  ),
  vector(
    'chunks in HTTP/1.0 that wants to be kept',
    `POST / HTTP/1.0\r\nHost: cart\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n${AFTER_CHUNKS}`,
    AMBIGUOUS,
  ),
];

/** Both at once. */
const both: readonly Vector[] = [
  ['CL.TE', 'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n'],
  ['TE.CL', 'Transfer-Encoding: chunked\r\nContent-Length: 4\r\n'],
  ['a length of 0 beside chunks', 'Content-Length: 0\r\nTransfer-Encoding: chunked\r\n'],
  ['the right length beside chunks', 'Content-Length: 43\r\nTransfer-Encoding: chunked\r\n'],
  ['a length beside an unknown coding', 'Content-Length: 4\r\nTransfer-Encoding: x\r\n'],
  ['a length beside identity', 'Content-Length: 4\r\nTransfer-Encoding: identity\r\n'],
  ['a length beside an empty coding', 'Content-Length: 4\r\nTransfer-Encoding:\r\n'],
  ['an empty length beside chunks', 'Content-Length:\r\nTransfer-Encoding: chunked\r\n'],
  ['a bad length beside chunks', 'Content-Length: x\r\nTransfer-Encoding: chunked\r\n'],
  [
    'a length between two codings',
    'Transfer-Encoding: chunked\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n',
  ],
].map(([name = '', fields = '']) => vector(name, post(fields, AFTER_CHUNKS), AMBIGUOUS));

/** Names that are nearly right. A server that takes them for the right ones must not see them. */
const lookalikes: readonly Vector[] = [
  ...['Transfer_Encoding', 'transfer_encoding', 'TRANSFER_ENCODING'].map((name) =>
    vector(
      `${name}: chunked`,
      post(`${name}: chunked\r\nContent-Length: 5\r\n`, 'abcde'),
      forwarded(seen('POST', '/', 'abcde')),
    ),
  ),
  ...['Content_Length', 'content_length'].map((name) =>
    vector(
      `${name}: 3 beside a length`,
      post(`${name}: 3\r\nContent-Length: 5\r\n`, 'abcde'),
      forwarded(seen('POST', '/', 'abcde')),
    ),
  ),
  vector(
    'Content_Length: 38 without a length',
    post(`Content_Length: ${SMUGGLED.length}\r\n`, ''),
    forwarded(seen('POST', '/')),
  ),
  ...[
    'X-Transfer-Encoding',
    'Transfer-Encodin',
    'Transfer-Encodings',
    'TransferEncoding',
    'Transfer.Encoding',
    'Transfer-Encoding-',
    '-Transfer-Encoding',
    'Transfer--Encoding',
    'Content-Lengt',
    'Content-Length-',
  ].map((name) =>
    vector(
      `${name}: chunked`,
      post(`${name}: chunked\r\nContent-Length: 5\r\n`, 'abcde'),
      forwarded(seen('POST', '/', 'abcde')),
    ),
  ),
  ...['Transfer-Encoding ', 'Transfer-Encoding\t', 'Transfer Encoding', 'Content-Length '].map(
    (name) =>
      vector(
        `the name ${JSON.stringify(name)}`,
        post(`${name}: chunked\r\n`, AFTER_CHUNKS),
        refused(400, 'bad-head'),
      ),
  ),
  ...[
    'Transfer-Encoding\0',
    '\0Transfer-Encoding',
    'Transfer-Encoding\xa0',
    'Tr\xe4nsfer-Encoding',
  ].map((name) =>
    vector(
      `the name ${JSON.stringify(name)}`,
      post(`${name}: chunked\r\n`, AFTER_CHUNKS),
      refused(400, 'bad-head'),
    ),
  ),
];

/** Where the body and its framing stand. */
export const FRAMING: readonly Vector[] = [...lengths, ...codings, ...both, ...lookalikes];

function everyByte(): string {
  return String.fromCharCode(...Array.from({ length: 256 }, (_, byte) => byte));
}
