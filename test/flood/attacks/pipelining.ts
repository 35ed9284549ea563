import type { Duplex } from 'node:stream';
import type { Attack } from '../attack.ts';
import { writeWithoutEnd } from '../without-end.ts';

const GET = 'GET / HTTP/1.1\r\nHost: cart\r\n\r\n';

/** Requests without end on one connection, whose answers nobody reads. */
export const pipelining: Attack = {
  name: 'pipelining',
  what: '20 connections, requests without end, no answer read',
  seconds: 20,
  ends: 'held',
  start: (target) => target.keep(20, 'plain', (connection) => askWithoutEnd(connection, GET)),
};

/** The same with large answers. */
export const pipeliningLarge: Attack = {
  name: 'pipelining-large',
  what: '20 connections, answers of 40 KB that nobody reads',
  seconds: 20,
  ends: 'held',
  start: (target) =>
    target.keep(20, 'plain', (connection) =>
      askWithoutEnd(connection, 'GET /large HTTP/1.1\r\nHost: cart\r\n\r\n'),
    ),
};

/** The same, and the answers are read: as much work as a client can ask for. */
export const pipeliningRead: Attack = {
  name: 'pipelining-read',
  what: '4 connections, requests without end, answers read',
  seconds: 20,
  ends: 'held',
  start: (target) =>
    target.keep(4, 'plain', (connection) => {
      connection.resume();
      askWithoutEnd(connection, GET);
    }),
};

function askWithoutEnd(connection: Duplex, request: string): void {
  const bytes = Buffer.from(request.repeat(200), 'latin1');
  writeWithoutEnd(connection, () => bytes);
}
