import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Detected, detectProtocol } from './detect.ts';

const cases: { bytes: string; detected: Detected; why: string }[] = [
  { bytes: '', detected: 'more', why: 'nothing was said' },
  { bytes: 'G', detected: 'more', why: 'a method may follow' },
  { bytes: 'GET ', detected: 'more', why: 'a target may follow' },
  { bytes: 'GET /', detected: 'http1', why: 'a path began' },
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

  test('mean the same when they come one by one', () => {
    for (const { bytes, detected } of cases) {
      if (detected === 'more') continue;
      const all = Buffer.from(bytes, 'latin1');
      let found: Detected = 'more';
      for (let i = 1; i <= all.length && found === 'more'; i++) {
        found = detectProtocol(all.subarray(0, i));
      }
      // With only the beginning of a line there, a request is what it most likely is.
      assert.ok(found === detected || (bytes === 'GET /key\r\n' && found === 'http1'), bytes);
    }
  });
});
