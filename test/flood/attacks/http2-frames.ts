import { FLAG, FRAME, PREFACE } from '../../../sidecar/http2/frame.ts';
import { frame, uint32 } from '../../fakes/raw-http2-peer.ts';
import type { Attack } from '../attack.ts';
import { beginHttp2, headers, literal, requestBlock, sendWithoutEnd } from '../http2-bytes.ts';

const CONNECTIONS = 20;

/** One frame again and again, on a connection that began as it should. */
function frameFlood(
  name: string,
  what: string,
  repeated: Buffer,
  first: Buffer = Buffer.alloc(0),
): Attack {
  return {
    name: `h2-${name}`,
    what: `${CONNECTIONS} connections, ${what}`,
    seconds: 8,
    ends: 'cut',
    start: (target) =>
      target.keep(CONNECTIONS, 'plain', (connection) => {
        connection.resume();
        beginHttp2(connection);
        connection.write(first);
        sendWithoutEnd(connection, () => repeated);
      }),
  };
}

const upload = headers(1, { post: true });
const beginning = requestBlock();

export const frameFloods: readonly Attack[] = [
  frameFlood('settings', 'SETTINGS', frame(FRAME.settings, 0, 0)),
  frameFlood('ping', 'PING', frame(FRAME.ping, 0, 0, 'floooood')),
  frameFlood('priority', 'PRIORITY', frame(FRAME.priority, 0, 1, [0, 0, 0, 3, 16])),
  frameFlood('goaway', 'GOAWAY', frame(FRAME.goaway, 0, 0, uint32(0, 0))),
  frameFlood('unknown-frames', 'frames of no known type', frame(0xb7, 0, 0, 'grease')),
  frameFlood('windows', 'WINDOW_UPDATE by 1', frame(FRAME.windowUpdate, 0, 0, uint32(1)), upload),
  frameFlood('empty-data', 'DATA without data', frame(FRAME.data, 0, 1), upload),
  frameFlood('padding', 'DATA of padding alone', frame(FRAME.data, FLAG.padded, 1, [0]), upload),
  frameFlood(
    'continuation',
    'CONTINUATION',
    frame(FRAME.continuation, 0, 1, literal('x', 'y')),
    frame(FRAME.headers, FLAG.endStream, 1, beginning),
  ),
  frameFlood(
    'empty-continuation',
    'CONTINUATION without anything in it',
    frame(FRAME.continuation, 0, 1),
    frame(FRAME.headers, FLAG.endStream, 1, beginning),
  ),
];

/** A preface that stops short of its end. */
export const halfPrefaces: Attack = {
  name: 'h2-half-preface',
  what: '500 connections, a preface without its end',
  seconds: 20,
  ends: 'cut',
  start: (target) =>
    target.keep(500, 'plain', (connection) => {
      connection.write(PREFACE.subarray(0, 20));
      connection.resume();
    }),
};

/** A header block that goes on by a byte now and then. */
export const slowBlocks: Attack = {
  name: 'h2-slow-heads',
  what: '500 connections, CONTINUATION of a byte each 2 s',
  seconds: 25,
  ends: 'cut',
  start: (target) =>
    target.keep(500, 'plain', (connection) => {
      connection.resume();
      beginHttp2(connection);
      connection.write(frame(FRAME.headers, FLAG.endStream, 1, requestBlock().subarray(0, 1)));
      const more = (): unknown => connection.write(frame(FRAME.continuation, 0, 1, [0x86]));
      const timer = setInterval(more, 2_000);
      connection.once('close', () => clearInterval(timer));
    }),
};
