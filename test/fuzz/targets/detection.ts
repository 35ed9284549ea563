import assert from 'node:assert/strict';
import { MeshError } from '../../../runtime/errors.ts';
import { HeadReader } from '../../../sidecar/http1/head.ts';
import { parseRequest } from '../../../sidecar/http1/request.ts';
import { detectProtocol } from '../../../sidecar/listener/detect.ts';
import type { FuzzTarget } from '../target.ts';

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

/** With so many bytes every protocol is told, or guessed. */
const ENOUGH_BYTES = 64;
/** With so many no request line is waited for any longer. */
const LONGEST_LINE_BYTES = 20 + 1 + 1024;

/** Which protocol a client speaks, from its first bytes. */
export const detection: FuzzTarget = {
  name: 'detection',
  seeds: [
    'GET / HTTP/1.1\r\nHost: cart\r\n\r\n',
    'OPTIONS * HTTP/1.1\r\nHost: cart\r\n\r\n',
    'CONNECT cart:443 HTTP/1.1\r\nHost: cart:443\r\n\r\n',
    'GET http://cart/ HTTP/1.0\r\n\r\n',
    'M-SEARCH * HTTP/1.1\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0',
    '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03',
    '*3\r\n$3\r\nSET\r\n',
    'GET key\r\n',
    'SSH-2.0-OpenSSH_9.2\r\n',
    '\x0a\0\0\x01\x85',
  ].map(latin1),
  tokens: ['GET ', 'PRI ', ' HTTP/1.1\r\n', '\n', '/', '* ', 'http://', 'CONNECT ', '\x16\x03'].map(
    latin1,
  ),
  run(bytes) {
    const detected = detectProtocol(bytes);
    assert.equal(detectProtocol(Buffer.from(bytes)), detected, 'said twice');
    if (bytes.length >= ENOUGH_BYTES) assert.notEqual(detected, 'more');
    if (bytes.length >= LONGEST_LINE_BYTES) assert.notEqual(detected, 'http1-begun');
    assert.equal(firstDecision(bytes), detected, 'decided earlier');
    if (isRequest(bytes)) assert.ok(detected.startsWith('http1'), 'a good request');
    return detected;
  },
};

/** As it is decided when the bytes come one by one. */
function firstDecision(bytes: Buffer): string {
  for (let length = 1; length < Math.min(bytes.length, LONGEST_LINE_BYTES); length++) {
    const detected = detectProtocol(bytes.subarray(0, length));
    if (detected !== 'more' && detected !== 'http1-begun') return detected;
  }
  return detectProtocol(bytes);
}

/** One that the engine takes, with a method of the usual kind and without an empty line before it. */
function isRequest(bytes: Buffer): boolean {
  if (!/^[A-Z-]{1,20} /.test(bytes.toString('latin1', 0, 24))) return false;
  const reader = new HeadReader('request');
  try {
    if (reader.feed(bytes, 0) < 0) return false;
    parseRequest(reader.head);
    return true;
  } catch (error) {
    if (!(error instanceof MeshError)) throw error;
    return false;
  }
}
