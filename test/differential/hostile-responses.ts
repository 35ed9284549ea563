import { get } from './vector.ts';

/** What a client must see of what an application wrote. */
export type Seen =
  /** An answer of the sidecar. */
  | { readonly kind: 'error'; readonly status: number; readonly code: string }
  /** The connection ends in a way that nobody takes for the end of the response. */
  | { readonly kind: 'cut' }
  /** A whole response, and after it the connection may go on. */
  | {
      readonly kind: 'whole';
      readonly status: number;
      readonly body: string;
      /** Interim responses before it. */
      readonly interims?: number;
      /** Names in lower case that must not have come through. */
      readonly without?: readonly string[];
    };

/** An application's bytes in answer to a request. */
export interface HostileResponse {
  readonly name: string;
  /** The request; a plain GET when left out. */
  readonly request?: string;
  /** In latin1. */
  readonly bytes: string;
  /** What the application then does with the connection. */
  readonly ending: 'stay' | 'end' | 'reset';
  readonly expected: Seen;
  /** Written once the client has its answer, when nobody asked for anything. */
  readonly afterwards?: string;
}

/** The target of requests that are answered so. */
export const TARGET = '/hostile';

const PROTOCOL_ERROR: Seen = { kind: 'error', status: 502, code: 'upstream-protocol-error' };
const RESET: Seen = { kind: 'error', status: 502, code: 'upstream-reset' };
const CUT: Seen = { kind: 'cut' };
const OTHER = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison';
const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
const UPGRADE = get(TARGET, 'Connection: upgrade\r\nUpgrade: websocket\r\n');

function whole(status: number, body: string, more: object = {}): Seen {
  return { kind: 'whole', status, body, ...more };
}

function ok(fields: string, body: string): string {
  return `HTTP/1.1 200 OK\r\n${fields}\r\n${body}`;
}

const framing: readonly HostileResponse[] = [
  ['CL and TE', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', '5\r\nabcde\r\n0\r\n\r\n'],
  ['TE and CL', 'Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', '5\r\nabcde\r\n0\r\n\r\n'],
  ['two lengths', 'Content-Length: 5\r\nContent-Length: 6\r\n', 'abcde'],
  ['two equal lengths', 'Content-Length: 5\r\nContent-Length: 5\r\n', 'abcde'],
  ['two lengths in one field', 'Content-Length: 5, 5\r\n', 'abcde'],
  ['a length with a sign', 'Content-Length: +5\r\n', 'abcde'],
  ['a length in hexadecimal', 'Content-Length: 0x5\r\n', 'abcde'],
  ['a length that is no number', 'Content-Length: many\r\n', 'abcde'],
  ['an empty length', 'Content-Length:\r\n', 'abcde'],
  ['a length of 20 digits', 'Content-Length: 18446744073709551616\r\n', 'abcde'],
  ['two codings', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'],
  ['chunked twice', 'Transfer-Encoding: chunked, chunked\r\n', '0\r\n\r\n'],
  ['gzip as a coding', 'Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n'],
  ['an unknown coding', 'Transfer-Encoding: xchunked\r\n', '0\r\n\r\n'],
].map(([name = '', fields = '', body = '']) => ({
  name,
  bytes: ok(fields, body),
  ending: 'stay',
  expected: PROTOCOL_ERROR,
}));

const heads: readonly HostileResponse[] = [
  ['a line ended by LF', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n'],
  ['a field ended by LF', ok('X: y\nContent-Length: 0\r\n', '')],
  ['a bare CR in a value', ok('X: a\rSet-Cookie: b\r\nContent-Length: 0\r\n', '')],
  ['a NUL in a value', ok('X: a\0b\r\nContent-Length: 0\r\n', '')],
  ['a fold', ok('X: a\r\n b\r\nContent-Length: 0\r\n', '')],
  ['a space before the colon', ok('X : a\r\nContent-Length: 0\r\n', '')],
  ['an empty name', ok(': a\r\nContent-Length: 0\r\n', '')],
  ['a line without a colon', ok('X\r\nContent-Length: 0\r\n', '')],
  ['a control byte in a name', ok('X\x01: a\r\nContent-Length: 0\r\n', '')],
  ['a control byte in the reason', 'HTTP/1.1 200 O\x01K\r\nContent-Length: 0\r\n\r\n'],
  ['a head of 100,000 bytes', ok(`X: ${'y'.repeat(100_000)}\r\nContent-Length: 0\r\n`, '')],
  ['300 fields', ok(`${'X: y\r\n'.repeat(300)}Content-Length: 0\r\n`, '')],
  ['a status of two digits', 'HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n'],
  ['a status of four digits', 'HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n'],
  ['a status of 0', 'HTTP/1.1 000 OK\r\nContent-Length: 0\r\n\r\n'],
  ['a status with a sign', 'HTTP/1.1 +20 OK\r\nContent-Length: 0\r\n\r\n'],
  ['no status', 'HTTP/1.1 OK\r\nContent-Length: 0\r\n\r\n'],
  ['HTTP/2.0', 'HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n'],
  ['HTTP/0.9', '<html>hello</html>\r\n\r\n'],
  ['a banner of SSH', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
  ['an empty line first', `\r\n${ok('Content-Length: 0\r\n', '')}`],
  ['a request', 'GET / HTTP/1.1\r\nHost: cart\r\n\r\n'],
  ['TLS', '\x15\x03\x01\x00\x02\x02\x46\r\n\r\n'],
].map(([name = '', bytes = '']) => ({ name, bytes, ending: 'end', expected: PROTOCOL_ERROR }));

const interims: readonly HostileResponse[] = [
  {
    name: '100 responses of the kind 1xx',
    bytes: 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(100) + OTHER,
    ending: 'stay',
    expected: PROTOCOL_ERROR,
  },
  {
    name: '100 that nobody waits for',
    bytes: 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(3) + ok('Content-Length: 5\r\n', 'abcde'),
    ending: 'stay',
    expected: whole(200, 'abcde', { interims: 0 }),
  },
  {
    name: 'early hints',
    bytes: `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${ok('Content-Length: 5\r\n', 'abcde')}`,
    ending: 'stay',
    expected: whole(200, 'abcde', { interims: 1 }),
  },
  {
    name: '1xx with a length and a coding',
    bytes: `HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n${OTHER}`,
    ending: 'stay',
    expected: PROTOCOL_ERROR,
  },
  {
    name: '1xx with a length',
    bytes: `HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n${ok('Content-Length: 5\r\n', 'abcde')}`,
    ending: 'stay',
    expected: whole(200, 'abcde', { interims: 1 }),
  },
  {
    name: 'an end after 1xx',
    bytes: 'HTTP/1.1 102 Processing\r\n\r\n',
    ending: 'end',
    expected: RESET,
  },
  {
    name: '101 that nobody asked for',
    bytes: `HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n${OTHER}`,
    ending: 'stay',
    expected: PROTOCOL_ERROR,
  },
  {
    name: '101 that does not say to what',
    request: UPGRADE,
    bytes: `HTTP/1.1 101 Switching Protocols\r\n\r\n${OTHER}`,
    ending: 'stay',
    expected: PROTOCOL_ERROR,
  },
  {
    name: '101 without Connection',
    request: UPGRADE,
    bytes: `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n${OTHER}`,
    ending: 'stay',
    expected: PROTOCOL_ERROR,
  },
  {
    name: '101 to h2c',
    request: get(
      TARGET,
      'Connection: upgrade, http2-settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n',
    ),
    bytes: `HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n${OTHER}`,
    ending: 'stay',
    expected: PROTOCOL_ERROR,
  },
];

/** More than the response holds: it must go to nobody. */
const surplus: readonly HostileResponse[] = [
  {
    name: 'a second response',
    bytes: ok('Content-Length: 5\r\n', 'abcde'),
    status: 200,
    body: 'abcde',
  },
  { name: 'a body after 204', bytes: 'HTTP/1.1 204 No Content\r\n\r\n', status: 204, body: '' },
  {
    name: 'a length and a body with 204',
    bytes: 'HTTP/1.1 204 No Content\r\nContent-Length: 44\r\n\r\n',
    status: 204,
    body: '',
  },
  {
    name: 'chunks with 204',
    bytes: 'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n',
    status: 204,
    body: '',
  },
  {
    name: 'a body after 304',
    bytes: 'HTTP/1.1 304 Not Modified\r\nContent-Length: 44\r\n\r\n',
    status: 304,
    body: '',
  },
  {
    name: 'a body after HEAD',
    request: `HEAD ${TARGET} HTTP/1.1\r\nHost: cart\r\n\r\n`,
    bytes: 'HTTP/1.1 200 OK\r\nContent-Length: 44\r\n\r\n',
    status: 200,
    body: '',
  },
  {
    name: 'a response behind the last chunk',
    bytes: `${CHUNKED}5\r\nabcde\r\n0\r\n\r\n`,
    status: 200,
    body: 'abcde',
  },
].flatMap(({ name, bytes, status, body, ...rest }) => [
  { ...rest, name, bytes: bytes + OTHER, ending: 'stay', expected: whole(status, body) },
  {
    ...rest,
    name: `${name}, later`,
    bytes,
    ending: 'stay',
    expected: whole(status, body),
    afterwards: OTHER,
  },
]);

const idle: readonly HostileResponse[] = [
  ['half a response', 'HTTP/1.1 200 OK\r\nContent-Le'],
  ['a byte', 'x'],
  ['an empty line', '\r\n'],
  ['408', 'HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'],
].map(([name = '', afterwards = '']) => ({
  name: `${name} on an idle connection`,
  bytes: ok('Content-Length: 5\r\n', 'abcde'),
  ending: 'stay',
  expected: whole(200, 'abcde'),
  afterwards,
}));

/** Less than was announced: nobody may take it for all. */
const short: readonly HostileResponse[] = [
  { name: 'an end without a response', bytes: '', expected: RESET },
  { name: 'an end inside of the head', bytes: 'HTTP/1.1 200 OK\r\nConte', expected: RESET },
  {
    name: 'an end inside of the body',
    bytes: ok('Content-Length: 50\r\n', 'abcde'),
    expected: CUT,
  },
  { name: 'an end before the body', bytes: ok('Content-Length: 50\r\n', ''), expected: CUT },
  { name: 'an end before any chunk', bytes: CHUNKED, expected: CUT },
  { name: 'an end inside of a size', bytes: `${CHUNKED}5`, expected: CUT },
  { name: 'an end inside of a chunk', bytes: `${CHUNKED}5\r\nabc`, expected: CUT },
  { name: 'an end behind a chunk', bytes: `${CHUNKED}5\r\nabcde\r\n`, expected: CUT },
  { name: 'an end behind the last size', bytes: `${CHUNKED}5\r\nabcde\r\n0\r\n`, expected: CUT },
  { name: 'an end inside of a trailer', bytes: `${CHUNKED}0\r\nX: y`, expected: CUT },
].flatMap((one) => [
  { ...one, ending: 'end' },
  { ...one, name: one.name.replace('an end', 'a reset'), ending: 'reset' },
]);

const chunks: readonly HostileResponse[] = [
  ['a size that is no number', 'x\r\nabcde\r\n0\r\n\r\n'],
  ['a size with a sign', '+5\r\nabcde\r\n0\r\n\r\n'],
  ['a size that overflows', 'ffffffffffffffff\r\nabcde\r\n0\r\n\r\n'],
  ['a size ended by LF', '5\nabcde\r\n0\r\n\r\n'],
  ['data ended by LF', '5\r\nabcde\n0\r\n\r\n'],
  ['more data than the size', '5\r\nabcdefgh\r\n0\r\n\r\n'],
  ['extensions without end', `5;${'x'.repeat(10_000)}`],
  ['a control byte in an extension', '5;\x01\r\nabcde\r\n0\r\n\r\n'],
  ['trailers without end', `0\r\nX: ${'y'.repeat(20_000)}`],
  ['a broken trailer', '0\r\nX\r\n\r\n'],
].map(([name = '', body = '']) => ({
  name,
  bytes: CHUNKED + body,
  ending: 'stay',
  expected: CUT,
}));

const bodies: readonly HostileResponse[] = [
  {
    name: 'a body until the end',
    bytes: ok('', 'abcde'),
    ending: 'end',
    expected: whole(200, 'abcde'),
  },
  { name: 'a body until a reset', bytes: ok('', 'abcde'), ending: 'reset', expected: CUT },
  {
    name: 'HTTP/1.0 until the end',
    bytes: 'HTTP/1.0 200 OK\r\n\r\nabcde',
    ending: 'end',
    expected: whole(200, 'abcde'),
  },
  {
    name: 'chunks in HTTP/1.0',
    bytes: 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n',
    ending: 'end',
    expected: PROTOCOL_ERROR,
  },
  {
    name: 'an HTTP/1.0 client and a body until a reset',
    request: `GET ${TARGET} HTTP/1.0\r\n\r\n`,
    bytes: ok('', 'abcde'),
    ending: 'reset',
    expected: CUT,
  },
  {
    name: 'an HTTP/1.0 client and chunks that end early',
    request: `GET ${TARGET} HTTP/1.0\r\n\r\n`,
    bytes: `${CHUNKED}5\r\nabcde\r\n`,
    ending: 'end',
    expected: CUT,
  },
  {
    name: 'an answer before the whole request',
    request: `POST ${TARGET} HTTP/1.1\r\nHost: cart\r\nContent-Length: 10\r\n\r\nabcde`,
    bytes: ok('Content-Length: 5\r\n', 'early'),
    ending: 'stay',
    expected: whole(200, 'early'),
  },
];

const fields: readonly HostileResponse[] = [
  {
    name: 'an error code of ours',
    bytes: ok(
      'X-Remora-Error: connect-failed\r\nX_Remora_Error: a\r\nContent-Length: 5\r\n',
      'abcde',
    ),
    ending: 'stay',
    expected: whole(200, 'abcde', { without: ['x-remora-error', 'x_remora_error'] }),
  },
  {
    name: 'a 503 in our name',
    bytes:
      'HTTP/1.1 503 Unavailable\r\nX-Remora-Error: connect-failed\r\nContent-Length: 0\r\n\r\n',
    ending: 'stay',
    expected: whole(503, '', { without: ['x-remora-error'] }),
  },
  {
    name: 'fields that concern one hop',
    bytes: ok(
      'Connection: keep-alive, X-A\r\nX-A: 1\r\nKeep-Alive: 5\r\nContent-Length: 5\r\n',
      'abcde',
    ),
    ending: 'stay',
    expected: whole(200, 'abcde', { without: ['x-a', 'keep-alive', 'connection'] }),
  },
  {
    name: 'a trailer that lies about the length',
    bytes: `${CHUNKED}5\r\nabcde\r\n0\r\nContent-Length: 50\r\n\r\n`,
    ending: 'stay',
    expected: whole(200, 'abcde'),
  },
  {
    name: 'Connection: close, and the connection stays',
    bytes: ok('Connection: close\r\nContent-Length: 5\r\n', 'abcde'),
    ending: 'stay',
    expected: whole(200, 'abcde'),
  },
];

/** What an application or its attacker may answer. */
export const HOSTILE_RESPONSES: readonly HostileResponse[] = [
  ...framing,
  ...heads,
  ...interims,
  ...(surplus as readonly HostileResponse[]),
  ...idle,
  ...(short as readonly HostileResponse[]),
  ...chunks,
  ...bodies,
  ...fields,
];
