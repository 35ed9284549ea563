import assert from 'node:assert/strict';
import { MeshError } from '../../../runtime/errors.ts';
import { type Head, HeadReader } from '../../../sidecar/http1/head.ts';
import { parseRequest } from '../../../sidecar/http1/request.ts';
import { parseResponse } from '../../../sidecar/http1/response.ts';
import { cut } from '../mutate.ts';
import type { FuzzTarget, Random } from '../target.ts';
import { readHead } from './reference.ts';

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

/** Requests begin with `q`, responses with `s`, so that one input says which it is. */
const SEEDS = [
  'qGET / HTTP/1.1\r\nHost: cart\r\n\r\n',
  'qPOST /a/../b?c=d HTTP/1.1\r\nHost: cart:80\r\nContent-Length: 5\r\nX-A: b\r\n\r\nabcde',
  'qPUT http://cart/a HTTP/1.1\r\nHost: other\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\n\r\n',
  'qGET / HTTP/1.1\r\nHost: [::1]:80\r\nConnection: upgrade, x\r\nUpgrade: websocket\r\nX: 1\r\n\r\n',
  'qOPTIONS * HTTP/1.1\r\nHost: cart\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n',
  'qGET /%2e%2E/%c3%a4;x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
  'qCONNECT cart:443 HTTP/1.1\r\nHost: cart:443\r\n\r\n',
  '\r\nqGET / HTTP/1.1\r\nHost: cart\r\n\r\n',
  'sHTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Remora-Error: a\r\n\r\nabcde',
  'sHTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
  'sHTTP/1.0 404 \r\nConnection: keep-alive\r\n\r\n',
  'sHTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n',
];

const TOKENS = [
  ...['\r\n', '\n', '\r', '\r\n ', '\r\n\r\n', ': ', ' ', '\t', '\0', ',', '%2f', '%00', '../'],
  ...['Content-Length: 5\r\n', 'Transfer-Encoding: chunked\r\n', 'Host: a\r\n', 'http://a@b/'],
  ...['Connection: close, x-a\r\n', 'Upgrade: h2c\r\n', 'Expect: 100-continue\r\n', 'HTTP/1.0'],
  ...['x_remora_a: b\r\n', 'content_length: 1\r\n', 'TE: trailers\r\n', 'chunked', '*', '//'],
];

/** A few less than a reader takes. */
const MOST_FIELDS = 248;

/** Heads of requests and responses: read, understood, written again. */
export const heads: FuzzTarget = {
  name: 'heads',
  seeds: SEEDS.map(latin1),
  tokens: TOKENS.map(latin1),
  run(bytes, random) {
    const of = bytes[0] === 0x73 ? 'response' : 'request';
    const input = bytes.subarray(1);
    const whole = read(of, [Buffer.from(input)]);
    sameInPieces(of, input, whole, random);
    sameAsReference(of, input, whole);
    if (whole.head === undefined) return whole.outcome;
    // What we add may be more than the next reader takes.
    if (whole.head.fieldCount > MOST_FIELDS) return 'full';
    return of === 'request' ? request(whole.head) : response(whole.head);
  },
};

interface Reading {
  /** A code, `more`, or `read`. */
  readonly outcome: string;
  /** Where the head ends, when it was read. */
  readonly end: number;
  readonly head: Head | undefined;
}

function read(of: 'request' | 'response', pieces: readonly Buffer[]): Reading {
  const reader = new HeadReader(of);
  let before = 0;
  try {
    for (const piece of pieces) {
      const end = reader.feed(piece, 0);
      if (end >= 0) return { outcome: 'read', end: before + end, head: reader.head };
      before += piece.length;
    }
  } catch (error) {
    return { outcome: codeOf(error), end: 0, head: undefined };
  }
  return { outcome: 'more', end: 0, head: undefined };
}

/** @throws what is no refusal */
function codeOf(error: unknown): string {
  if (!(error instanceof MeshError)) throw error;
  return error.code;
}

/** However it is cut: at most, what is wrong in an unfinished line is found later. */
function sameInPieces(
  of: 'request' | 'response',
  input: Buffer,
  whole: Reading,
  random: Random,
): void {
  const pieces = read(of, cut(input, random));
  if (pieces.outcome === 'more' || whole.outcome === 'more') {
    assert.ok(pieces.head === undefined && whole.head === undefined);
    return;
  }
  assert.equal(pieces.outcome, whole.outcome);
  assert.equal(pieces.end, whole.end);
  if (pieces.head !== undefined) assert.deepEqual(linesOf(pieces.head), linesOf(whole.head));
}

/** A slow reader of another make finds the same lines. */
function sameAsReference(
  of: 'request' | 'response',
  input: Buffer,
  { outcome, head }: Reading,
): void {
  const reference = readHead(input.toString('latin1'), of === 'request');
  if (outcome === 'head-too-large') return;
  if (head === undefined) assert.equal(reference.lines, undefined, 'only the reference reads it');
  else assert.deepEqual(linesOf(head), reference.lines);
}

function linesOf(head: Head | undefined): string[] {
  if (head === undefined) return [];
  const lines = [head.bytes.toString('latin1', head.lineStart, head.lineEnd)];
  for (let field = 0; field < head.fieldCount; field++) {
    const line = head.bytes.toString('latin1', head.start(field), head.start(field + 1));
    lines.push(`${line.slice(0, line.indexOf(':'))}:${head.value(field)}`);
  }
  return lines;
}

function request(head: Head): string {
  let parsed: ReturnType<typeof parseRequest>;
  try {
    parsed = parseRequest(head);
  } catch (error) {
    return codeOf(error);
  }
  if (parsed.form === 'authority') return 'CONNECT';
  const written = parsed.encode(true, 'cart');
  const again = parsedAgain('request', written, parseRequest);
  for (const name of ['method', 'path', 'query', 'host', 'port', 'framing', 'upgrade'] as const) {
    if (name === 'host' && parsed.host === '') continue;
    assert.deepEqual(again[name], parsed[name], name);
  }
  assert.equal(again.expectsContinue, parsed.expectsContinue);
  assert.ok(again.keepAlive, 'what we write keeps the connection');
  // The framing is written last, wherever it stood.
  assert.deepEqual(
    sortedLines(again.encode(true, 'cart')),
    sortedLines(written),
    'written the same again',
  );
  return `${parsed.form} ${parsed.framing.kind} ${parsed.ambiguousPath} ${parsed.upgrade !== undefined}`;
}

function response(head: Head): string {
  const parsed = (method: string) => {
    try {
      return parseResponse(head, method);
    } catch (error) {
      return codeOf(error);
    }
  };
  const got = parsed('GET');
  if (typeof got === 'string') return got;
  const toHead = parsed('HEAD');
  assert.ok(typeof toHead !== 'string' && toHead.framing.kind === 'none');
  const framing = got.framingFor(1);
  const connection = got.status === 101 ? 'upgrade' : undefined;
  const written = got.encode(framing, 1, connection, false);
  const again = parsedAgain('response', written, (one) => parseResponse(one, 'GET'));
  assert.equal(again.status, got.status);
  if (framing.kind !== 'close') assert.deepEqual(again.framing, framing);
  assert.equal(again.header('x-remora-error'), undefined);
  return `${got.status / 100} ${got.framing.kind} ${got.keepAlive}`;
}

/** What we write is read whole, and nothing is left over. */
function parsedAgain<T>(of: 'request' | 'response', written: Buffer, parse: (head: Head) => T): T {
  const reader = new HeadReader(of);
  assert.equal(reader.feed(written, 0), written.length, 'what we write is one head');
  return parse(reader.head);
}

function sortedLines(head: Buffer): string[] {
  return head.toString('latin1').split('\r\n').sort();
}
