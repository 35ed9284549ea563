import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { beginsHttp2Server, type Detected, detectProtocol } from './detect.ts';

const cases: { bytes: string; detected: Detected; why: string }[] = [
  { bytes: '', detected: 'more', why: 'nothing was said' },
  { bytes: 'G', detected: 'more', why: 'a method may follow' },
  { bytes: 'GET ', detected: 'more', why: 'a target may follow' },
  { bytes: 'GET /', detected: 'http1-begun', why: 'a path began' },
  { bytes: 'GET /a HTTP/1.1\r', detected: 'http1-begun', why: 'the line may go on' },
  { bytes: `GET /${'a'.repeat(1024)}`, detected: 'http1', why: 'no command is as long' },
  { bytes: 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', detected: 'http1', why: 'it is a request' },
  { bytes: 'OPTIONS * HTTP/1.1\r\n', detected: 'http1', why: 'asterisk form' },
  { bytes: 'GET http://a/ HTTP/1.1\r\n', detected: 'http1', why: 'absolute form' },
  { bytes: 'GET HTTP://a/ HTTP/1.1\r\n', detected: 'http1', why: 'schemes are of any case' },
  { bytes: 'GET htt', detected: 'more', why: 'a scheme may follow' },
  { bytes: 'CONNECT a:1 HTTP/1.1\r\n', detected: 'http1', why: 'authority form' },
  { bytes: 'M-SEARCH /x HTTP/1.1\r\n', detected: 'http1', why: 'methods may hold a dash' },
  { bytes: 'GET / HTTP/1.0\n', detected: 'http1', why: 'the parser, not detection, is strict' },
  { bytes: 'GET /key\r\n', detected: 'tcp', why: 'Redis takes commands like this' },
  { bytes: 'GET key\r\n', detected: 'tcp', why: 'the target is no target' },
  { bytes: 'PING\r\n', detected: 'tcp', why: 'no space after the word' },
  { bytes: 'get / HTTP/1.1\r\n', detected: 'tcp', why: 'methods are upper case' },
  { bytes: '*1\r\n$4\r\nPING\r\n', detected: 'tcp', why: 'Redis' },
  { bytes: 'SSH-2.0-OpenSSH_9\r\n', detected: 'tcp', why: 'a digit is in no method' },
  { bytes: 'EHLO example.org\r\n', detected: 'tcp', why: 'mail' },
  { bytes: 'ABCDEFGHIJKLMNOPQRSTUVWXYZ /', detected: 'tcp', why: 'no method is as long' },
  { bytes: 'PR', detected: 'more', why: 'PRI or PROPFIND may follow' },
  { bytes: 'PROPFIND / HTTP/1.1\r\n', detected: 'http1', why: 'not the preface after all' },
  { bytes: 'PRI * HTTP/2.0\r\n', detected: 'more', why: 'the preface is not complete' },
  { bytes: 'PRI * HTTP/2.0\r\n\r\nX', detected: 'http1', why: 'a request, and a strange one' },
  { bytes: 'CONNECT ', detected: 'more', why: 'an authority may follow' },
  { bytes: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0', detected: 'http2', why: 'the preface' },
  { bytes: '\x16', detected: 'more', why: 'TLS may follow' },
  { bytes: '\x16\x03\x01\x02', detected: 'tls', why: 'a TLS record' },
  { bytes: '\x16\x00', detected: 'tcp', why: 'no TLS version' },
  { bytes: '\0\0\0\x04', detected: 'tcp', why: 'binary' },
];

describe('the first bytes', () => {
  for (const { bytes, detected, why } of cases) {
    test(`${JSON.stringify(bytes)} mean ${detected}: ${why}`, () => {
      assert.equal(detectProtocol(Buffer.from(bytes, 'latin1')), detected);
    });
  }

  test('mean the same however they are cut', () => {
    for (const { bytes } of cases) agreesWithAllPrefixes(Buffer.from(bytes, 'latin1'));
  });

  test('mean the same however they are cut, whatever they are', () => {
    const words = ['GET', ' ', '/', '* ', 'http://', 'PRI * HTTP/2.0\r\n\r\n', 'SM\r\n\r\n'];
    const more = [' HTTP/1.1', '\r\n', '\n', 'CONNECT ', '\x16', '\x03', '\0', '-', 'a', ':'];
    const piece = fc.oneof(
      fc.constantFrom(...words, ...more),
      fc.string({ unit: 'binary-ascii', maxLength: 4 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        agreesWithAllPrefixes(Buffer.from(pieces.join(''), 'latin1'));
      }),
      { numRuns: 2_000 },
    );
  });

  test('are judged whatever they are, and without looking at all of them', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 4_096 }), (bytes) => {
        agreesWithAllPrefixes(Buffer.from(bytes), 64);
      }),
      { numRuns: 500 },
    );
    assert.equal(detectProtocol(Buffer.alloc(1024 * 1024, 'A')), 'tcp');
  });
});

describe('a server that speaks first', () => {
  for (const [what, bytes, isHttp2] of [
    ['SETTINGS of HTTP/2', [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100], true],
    ['SETTINGS with nothing in it', [0, 0, 0, 4, 0, 0, 0, 0, 0], true],
    ['SETTINGS that are no row of settings', [0, 0, 5, 4, 0, 0, 0, 0, 0], false],
    ['an acknowledgement', [0, 0, 0, 4, 1, 0, 0, 0, 0], false],
    ['SETTINGS of a stream', [0, 0, 0, 4, 0, 0, 0, 0, 1], false],
    ['less than a frame', [0, 0, 0, 4], false],
    ['the greeting of MariaDB', [0x5b, 0, 0, 0, 0x0a, 0x35, 0x2e, 0x35, 0x2e], false],
    ['the greeting of mail', [...Buffer.from('220 mail.example\r\n')], false],
  ] as const) {
    test(`${isHttp2 ? 'speaks' : 'does not speak'} HTTP/2 with ${what}`, () => {
      assert.equal(beginsHttp2Server(Buffer.from(bytes)), isHttp2);
    });
  }
});

/** What was certain of a beginning stays certain of what follows it. */
function agreesWithAllPrefixes(all: Buffer, longest = all.length): void {
  const whole = detectProtocol(all);
  for (let i = 1; i <= Math.min(longest, all.length); i++) {
    const found = detectProtocol(all.subarray(0, i));
    if (found === 'more' || found === 'http1-begun') continue;
    assert.equal(found, whole, `${i} bytes of ${JSON.stringify(all.toString('latin1'))}`);
  }
}
