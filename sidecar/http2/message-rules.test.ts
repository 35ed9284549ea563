import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type HeaderField, headerField } from './header-field.ts';
import {
  checkRequest,
  checkResponse,
  checkTrailers,
  MALFORMED,
  NO_CONTENT_LENGTH,
} from './message-rules.ts';

type Lines = readonly string[];

/** `name: value`, where a pseudo-header's name begins with a colon. */
function fields(lines: Lines): HeaderField[] {
  return lines.map((line) => {
    const colon = line.indexOf(':', 1);
    return headerField(line.slice(0, colon), line.slice(colon + 2));
  });
}

const GET: Lines = [':method: GET', ':scheme: http', ':path: /', ':authority: svc.test'];
const CONNECT: Lines = [':method: CONNECT', ':authority: 10.0.0.1:80'];

describe('a request', () => {
  const accepted: { name: string; lines: Lines; length?: number }[] = [
    { name: 'with all pseudo-headers', lines: GET },
    { name: 'with Host instead of :authority', lines: [...GET.slice(0, 3), 'host: svc.test'] },
    { name: 'with Host that agrees', lines: [...GET, 'host: SVC.test'] },
    { name: 'with its length', lines: [...GET, 'content-length: 12'], length: 12 },
    { name: 'that takes trailers', lines: [...GET, 'te: trailers'] },
    { name: 'with bytes over 127 in a value', lines: [...GET, 'x-name: J\xfcrgen'] },
    { name: 'with an empty value', lines: [...GET, 'x-empty: '] },
    { name: 'with a tab within a value', lines: [...GET, 'x-tab: a\tb'] },
    { name: 'with several cookies', lines: [...GET, 'cookie: a=1', 'cookie: b=2'] },
    { name: 'CONNECT', lines: CONNECT },
    {
      name: 'OPTIONS of the server itself',
      lines: [':method: OPTIONS', ':scheme: http', ':path: *', ':authority: svc.test'],
    },
  ];
  for (const { name, lines, length } of accepted) {
    test(`${name} is taken`, () => {
      assert.equal(checkRequest(fields(lines)), length ?? NO_CONTENT_LENGTH);
    });
  }

  const without = (name: string): Lines => GET.filter((line) => !line.startsWith(name));
  const refused: { name: string; lines: Lines }[] = [
    { name: 'nothing', lines: [] },
    { name: 'no method', lines: without(':method') },
    { name: 'no scheme', lines: without(':scheme') },
    { name: 'no path', lines: without(':path') },
    { name: 'no authority of any kind', lines: without(':authority') },
    { name: 'a pseudo-header twice', lines: [...GET, ':path: /'] },
    { name: 'a pseudo-header after a regular one', lines: ['a: b', ...GET] },
    { name: 'an unknown pseudo-header', lines: [...GET, ':protocol: websocket'] },
    { name: 'a pseudo-header of responses', lines: [...GET, ':status: 200'] },
    { name: 'an empty path', lines: [...without(':path'), ':path: '] },
    { name: 'a path that does not begin with a slash', lines: [...without(':path'), ':path: a'] },
    { name: 'a path with a space', lines: [...without(':path'), ':path: /a b'] },
    { name: 'a path with a fragment', lines: [...without(':path'), ':path: /a#b'] },
    { name: '* for another method', lines: [...without(':path'), ':path: *'] },
    { name: 'a method that is no token', lines: [...without(':method'), ':method: GE T'] },
    { name: 'an empty method', lines: [...without(':method'), ':method: '] },
    { name: 'a scheme that is none', lines: [...without(':scheme'), ':scheme: ht tp'] },
    { name: 'an empty authority', lines: [...without(':authority'), ':authority: '] },
    { name: 'userinfo', lines: [...without(':authority'), ':authority: user@svc.test'] },
    { name: 'a path in the authority', lines: [...without(':authority'), ':authority: svc/a'] },
    { name: 'Host that disagrees', lines: [...GET, 'host: other.test'] },
    { name: 'Host twice', lines: [...GET, 'host: svc.test', 'host: svc.test'] },
    { name: 'upper case in a name', lines: [...GET, 'X-Name: a'] },
    { name: 'a space in a name', lines: [...GET, 'x name: a'] },
    { name: 'a byte over 127 in a name', lines: [...GET, 'x-\xfc: a'] },
    { name: 'an empty name', lines: [...GET, ': a'] },
    { name: 'NUL in a value', lines: [...GET, 'x-name: a\0b'] },
    { name: 'CR in a value', lines: [...GET, 'x-name: a\rb'] },
    { name: 'LF in a value', lines: [...GET, 'x-name: a\nb'] },
    { name: 'a control byte in a value', lines: [...GET, 'x-name: a\x01b'] },
    { name: 'a space before a value', lines: [...GET, 'x-name:  a'] },
    { name: 'a space after a value', lines: [...GET, 'x-name: a '] },
    { name: 'a tab after a value', lines: [...GET, 'x-name: a\t'] },
    { name: 'Connection', lines: [...GET, 'connection: close'] },
    { name: 'Keep-Alive', lines: [...GET, 'keep-alive: 5'] },
    { name: 'Proxy-Connection', lines: [...GET, 'proxy-connection: close'] },
    { name: 'Transfer-Encoding', lines: [...GET, 'transfer-encoding: chunked'] },
    { name: 'Upgrade', lines: [...GET, 'upgrade: h2c'] },
    { name: 'TE with a coding', lines: [...GET, 'te: trailers, deflate'] },
    { name: 'a length that is no number', lines: [...GET, 'content-length: +1'] },
    { name: 'a length twice', lines: [...GET, 'content-length: 1', 'content-length: 1'] },
    { name: 'a list of lengths', lines: [...GET, 'content-length: 1, 1'] },
    { name: 'a length past all counting', lines: [...GET, 'content-length: 9999999999999999'] },
    { name: 'CONNECT with a path', lines: [...CONNECT, ':path: /'] },
    { name: 'CONNECT with a scheme', lines: [...CONNECT, ':scheme: http'] },
    { name: 'CONNECT without an authority', lines: [':method: CONNECT'] },
    { name: 'CONNECT without a port', lines: [':method: CONNECT', ':authority: svc.test'] },
    { name: 'CONNECT with a length', lines: [...CONNECT, 'content-length: 1'] },
  ];
  for (const { name, lines } of refused) {
    test(`with ${name} is refused`, () => {
      assert.equal(checkRequest(fields(lines)), MALFORMED);
    });
  }
});

describe('a response', () => {
  for (const status of ['100', '103', '200', '204', '599']) {
    test(`with status ${status} is taken`, () => {
      assert.equal(checkResponse(fields([`:status: ${status}`, 'a: b'])), NO_CONTENT_LENGTH);
    });
  }

  const refused: { name: string; lines: Lines }[] = [
    { name: 'no status', lines: ['a: b'] },
    { name: 'two of them', lines: [':status: 200', ':status: 200'] },
    { name: 'a status after a header', lines: ['a: b', ':status: 200'] },
    { name: 'a status of two digits', lines: [':status: 20'] },
    { name: 'a status out of range', lines: [':status: 600'] },
    { name: 'a switch of protocols', lines: [':status: 101'] },
    { name: 'a pseudo-header of requests', lines: [':status: 200', ':path: /'] },
    { name: 'Connection', lines: [':status: 200', 'connection: close'] },
  ];
  for (const { name, lines } of refused) {
    test(`with ${name} is refused`, () => {
      assert.equal(checkResponse(fields(lines)), MALFORMED);
    });
  }
});

describe('trailers', () => {
  test('are fields like others', () => {
    assert.equal(checkTrailers(fields(['grpc-status: 0', 'grpc-message: '])), true);
  });

  for (const line of [':status: 200', ':path: /', 'content-length: 1', 'host: a', 'te: x']) {
    test(`with ${line} are refused`, () => {
      assert.equal(checkTrailers(fields([line])), false);
    });
  }
});
