import type { Duplex } from 'node:stream';
import type { Attack } from '../attack.ts';
import { writeWithoutEnd } from '../without-end.ts';

const CHUNKED = 'POST / HTTP/1.1\r\nHost: cart\r\nTransfer-Encoding: chunked\r\n\r\n';

/** The same piece again and again. */
function repeatWithoutEnd(connection: Duplex, first: string, piece: string): void {
  const bytes = Buffer.from(piece.repeat(Math.ceil(16_384 / piece.length)), 'latin1');
  connection.write(first);
  writeWithoutEnd(connection, () => bytes);
}

/** Header fields without end. */
export const endlessHeaders: Attack = {
  name: 'endless-headers',
  what: '100 connections, headers without end',
  seconds: 10,
  ends: 'cut',
  start: (target) =>
    target.keep(100, 'plain', (connection) => {
      connection.resume();
      repeatWithoutEnd(connection, 'GET / HTTP/1.1\r\nHost: cart\r\n', 'X-Y: z\r\n');
    }),
};

/** Heads of almost the size that is taken, again and again. */
export const hugeHeads: Attack = {
  name: 'huge-heads',
  what: '20 connections, requests with heads of 50 KB without end',
  seconds: 15,
  ends: 'held',
  start: (target) =>
    target.keep(20, 'plain', (connection) => {
      connection.resume();
      const value = 'y'.repeat(500);
      const fields = Array.from({ length: 100 }, (_, i) => `X-${i}: ${value}\r\n`);
      const head = `GET / HTTP/1.1\r\nHost: cart\r\n${fields.join('')}\r\n`;
      repeatWithoutEnd(connection, head, head);
    }),
};

/** One header field whose value does not end. */
export const endlessValue: Attack = {
  name: 'endless-value',
  what: '100 connections, one header without end',
  seconds: 10,
  ends: 'cut',
  start: (target) =>
    target.keep(100, 'plain', (connection) => {
      connection.resume();
      repeatWithoutEnd(connection, 'GET / HTTP/1.1\r\nHost: cart\r\nX: ', 'y');
    }),
};

/** An extension of a chunk that does not end. */
export const endlessExtensions: Attack = {
  name: 'endless-extensions',
  what: '100 connections, a chunk extension without end',
  seconds: 10,
  ends: 'cut',
  start: (target) =>
    target.keep(100, 'plain', (connection) => {
      connection.resume();
      repeatWithoutEnd(connection, `${CHUNKED}1;`, 'x');
    }),
};

/** Chunks of one byte: much work for little body. */
export const tinyChunks: Attack = {
  name: 'tiny-chunks',
  what: '50 connections, chunks of one byte without end',
  seconds: 20,
  ends: 'held',
  memoryMib: 96,
  start: (target) =>
    target.keep(50, 'plain', (connection) => {
      connection.resume();
      repeatWithoutEnd(connection, CHUNKED, '1\r\nx\r\n');
    }),
};

/** Bodies in tiny chunks that stop short of their end: what is kept for a replay must stay small. */
export const heldChunks: Attack = {
  name: 'held-chunks',
  what: '500 connections, 60,000 chunks of one byte and no end',
  seconds: 20,
  ends: 'held',
  // The heap's 60 MiB, and 64 KiB each that was read, that is kept and that waits for the application.
  memoryMib: 160,
  start: (target) =>
    target.keep(500, 'plain', (connection) => {
      connection.resume();
      connection.write(CHUNKED + '1\r\nx\r\n'.repeat(60_000));
    }),
};

/** Goes on after the refusal: what is thrown away costs time too. */
export const afterRefusal: Attack = {
  name: 'after-refusal',
  what: '50 connections, refused, that send on and on',
  seconds: 10,
  ends: 'cut',
  start: (target) =>
    target.keep(50, 'plain', (connection) => {
      connection.resume();
      repeatWithoutEnd(connection, 'BROKEN\r\n\r\n', 'x');
    }),
};
