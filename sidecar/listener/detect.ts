import { LOWER } from '../http1/bytes.ts';

/**
 * What the first bytes of a client say. `more` asks for further bytes, and so does
 * `http1-begun`: a request is what it is most likely, until its line is complete.
 * The other answers stay the same whatever follows.
 */
export type Detected = 'http1' | 'http1-begun' | 'http2' | 'tls' | 'tcp' | 'more';

/** RFC 9113, section 3.4. */
const HTTP2_PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

const SETTINGS_FRAME = 0x04;
const TLS_HANDSHAKE = 0x16;
const SPACE = 0x20;
const LINE_FEED = 0x0a;
const MAX_METHOD_BYTES = 20;
/** No other protocol has commands that look like a request for as long. */
const MAX_LINE_BYTES = 1024;
/** Enough to see where the target of a request begins; schemes are of any case. */
const TARGET_STARTS = [
  Buffer.from('/'),
  Buffer.from('* '),
  Buffer.from('http://'),
  Buffer.from('https://'),
] as const;
const MAX_START_BYTES = Math.max(...TARGET_STARTS.map((start) => start.length));

/**
 * Tells the protocol from what a client sent first, with as few bytes as
 * possible. Only what is certainly an HTTP/1 request is called `http1`,
 * because everything else passes through untouched.
 */
export function detectProtocol(bytes: Buffer): Detected {
  const first = bytes[0];
  if (first === undefined) return 'more';
  if (first === TLS_HANDSHAKE) {
    if (bytes.length < 2) return 'more';
    return bytes[1] === 3 ? 'tls' : 'tcp';
  }
  const preface = startsWith(bytes, HTTP2_PREFACE);
  if (preface === 'yes') return 'http2';
  return preface === 'more' ? 'more' : detectRequest(bytes);
}

/**
 * A server of HTTP/2 says its SETTINGS as soon as it is connected (RFC 9113, section
 * 3.4). It is no protocol in which the server speaks first for that.
 */
export function beginsHttp2Server(bytes: Buffer): boolean {
  if (bytes.length < 9 || bytes.readUIntBE(0, 3) % 6 !== 0) return false;
  return bytes[3] === SETTINGS_FRAME && bytes[4] === 0 && bytes.readUInt32BE(5) === 0;
}

/** `METHOD SP target`, and a line that ends in a version. */
function detectRequest(bytes: Buffer): 'http1' | 'http1-begun' | 'tcp' | 'more' {
  let end = 0;
  while (end < bytes.length && isMethodByte(bytes[end])) end += 1;
  if (end > MAX_METHOD_BYTES) return 'tcp';
  if (end === bytes.length) return 'more';
  if (end === 0 || bytes[end] !== SPACE) return 'tcp';
  const target = bytes.subarray(end + 1);
  if (target.length === 0) return 'more';
  const isConnect = end === 7 && bytes.toString('latin1', 0, end) === 'CONNECT';
  if (!isConnect) {
    const begin = Buffer.from(
      target.subarray(0, MAX_START_BYTES).map((byte) => LOWER[byte] ?? byte),
    );
    const starts = TARGET_STARTS.map((start) => startsWith(begin, start));
    if (!starts.includes('yes')) return starts.includes('more') ? 'more' : 'tcp';
  }
  // Some protocols have commands that look like a request up to here, as `GET /key` of Redis.
  const lineEnd = target.subarray(0, MAX_LINE_BYTES).indexOf(LINE_FEED);
  if (lineEnd < 0) return target.length < MAX_LINE_BYTES ? 'http1-begun' : 'http1';
  return / HTTP\/\d\.\d\r?$/.test(target.toString('latin1', 0, lineEnd)) ? 'http1' : 'tcp';
}

function isMethodByte(byte: number | undefined): boolean {
  return byte !== undefined && ((byte >= 0x41 && byte <= 0x5a) || byte === 0x2d);
}

function startsWith(bytes: Buffer, expected: Buffer): 'yes' | 'no' | 'more' {
  const length = Math.min(bytes.length, expected.length);
  if (bytes.compare(expected, 0, length, 0, length) !== 0) return 'no';
  return bytes.length < expected.length ? 'more' : 'yes';
}

/**
 * Ports on which servers were seen to speak first. There nobody waits for the
 * client any more; it is still heard first when it is first.
 */
export class ServerFirstPorts {
  readonly #keys = new Set<string>();

  has(key: string): boolean {
    return this.#keys.has(key);
  }

  remember(key: string): void {
    // An application that connects all over the world must not grow the sidecar.
    if (this.#keys.size >= 1024) this.#keys.clear();
    this.#keys.add(key);
  }
}
