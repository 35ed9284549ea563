import assert from 'node:assert/strict';
import { ResponseReader } from '../../../sidecar/http1/client.ts';
import { MemoryTransport } from '../memory-transport.ts';
import { cut } from '../mutate.ts';
import type { FuzzTarget } from '../target.ts';

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const CHUNKS = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';

/** The first byte says what was asked: `G`, `H` for HEAD, `U` for an upgrade. */
export const responses: FuzzTarget = {
  name: 'responses',
  seeds: [
    'GHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde',
    'GHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcdeHTTP/1.1 200 OK\r\n\r\n',
    `G${CHUNKS}5\r\nabcde\r\n0\r\nX: y\r\n\r\n`,
    `GHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n${CHUNKS}0\r\n\r\n`,
    'GHTTP/1.1 200 OK\r\n\r\nuntil the end',
    'GHTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na',
    'GHTTP/1.1 204 No Content\r\n\r\n',
    'GHTTP/1.1 304 Not Modified\r\nContent-Length: 50\r\n\r\n',
    'HHTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n',
    'UHTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05',
  ].map(latin1),
  tokens: [
    ...['HTTP/1.1 200 OK\r\n', 'HTTP/1.1 102 Processing\r\n\r\n', 'Content-Length: 5\r\n', '\r\n'],
    ...['Transfer-Encoding: chunked\r\n', CHUNKS, '5\r\nabcde\r\n', '0\r\n\r\n', '\n', '\r', '\0'],
    ...['HTTP/1.1 101 Switching Protocols\r\n', 'Connection: close\r\n', 'HTTP/1.0', '\r\n '],
  ].map(latin1),
  run(bytes, random) {
    const asked = String.fromCharCode(bytes[0] ?? 0);
    const input = bytes.subarray(1);
    const whole = read(asked, [Buffer.from(input)]);
    const pieces = read(asked, cut(input, random));
    // What comes behind the end is noticed only when it comes along with it.
    if (whole.clean) assert.ok(pieces.clean, 'clean when it is not in pieces');
    assert.deepEqual(comparable(pieces), comparable(whole), 'in pieces');
    // What came before a mistake is passed on where it came in a buffer of its own.
    if (whole.end.startsWith('upstream-')) assert.ok(pieces.body.startsWith(whole.body));
    else assert.equal(pieces.body, whole.body);
    return `${whole.statuses.slice(0, 3)} ${whole.end} ${whole.clean}`;
  },
};

interface Reading {
  readonly statuses: readonly number[];
  readonly body: string;
  readonly end: string;
  /** Another request may follow. */
  readonly clean: boolean;
}

/** What is wrong in an unfinished line may be found only when the connection ends. */
function comparable({ statuses, end }: Reading): unknown[] {
  return [statuses, end.startsWith('upstream-') ? 'failed' : end];
}

function read(asked: string, pieces: readonly Buffer[]): Reading {
  const statuses: number[] = [];
  let [body, end, clean] = ['', '', false];
  const finish = (how: string): void => {
    assert.equal(end, '', 'an end after the end');
    end = how;
  };
  const reader = new ResponseReader(asked === 'H' ? 'HEAD' : 'GET', asked === 'U', {
    onInterim: ({ status }) => {
      assert.ok(status >= 100 && status < 200);
      statuses.push(status);
    },
    onResponse: ({ status }) => {
      assert.ok(status >= 200);
      statuses.push(status);
    },
    onResponseBody: (bytes) => {
      assert.equal(end, '', 'a body after the end');
      body += bytes.toString('latin1');
    },
    onResponseEnd: (trailers, isClean) => {
      clean = isClean;
      finish(`ended ${trailers === undefined}`);
    },
    onUpgraded: () => finish('upgraded'),
    onWritable: () => {},
    onFailure: ({ code }) => finish(code),
  });
  const transport = new MemoryTransport();
  reader.start(transport);
  transport.send(...pieces);
  transport.sendEnd();
  while (transport.pump()) {}
  assert.notEqual(end, '', 'no end');
  return { statuses, body, end, clean };
}
