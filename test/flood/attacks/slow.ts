import type { Attack } from '../attack.ts';

/** Heads that never end, a header every few seconds (Slowloris). */
export const slowHeads: Attack = {
  name: 'slow-heads',
  what: '2,000 connections, a header every 5 s and no end',
  seconds: 75,
  ends: 'cut',
  memoryMib: 96,
  start: (target) =>
    target.keep(2_000, 'plain', (connection) => {
      connection.write('GET / HTTP/1.1\r\nHost: cart\r\n');
      const timer = setInterval(() => connection.write('X: y\r\n'), 5_000);
      connection.once('close', () => clearInterval(timer));
      connection.resume();
    }),
};

/** Bodies that never end, a byte every few seconds. The application may set a limit; we relay. */
export const slowBodies: Attack = {
  name: 'slow-bodies',
  what: '1,000 connections, a byte of the body every 2 s',
  seconds: 30,
  ends: 'held',
  memoryMib: 96,
  start: (target) =>
    target.keep(1_000, 'plain', (connection) => {
      connection.write('POST / HTTP/1.1\r\nHost: cart\r\nContent-Length: 1000000\r\n\r\n');
      const timer = setInterval(() => connection.write('x'), 2_000);
      connection.once('close', () => clearInterval(timer));
      connection.resume();
    }),
};

/** Responses without end that are hardly read. */
export const slowReaders: Attack = {
  name: 'slow-readers',
  what: '200 connections that read 1 KiB/s of a response without end',
  seconds: 30,
  ends: 'held',
  memoryMib: 160,
  start: (target) =>
    target.keep(200, 'plain', (connection) => {
      connection.write('GET /huge HTTP/1.1\r\nHost: cart\r\n\r\n');
      const timer = setInterval(() => connection.read(1024), 1_000);
      connection.once('close', () => clearInterval(timer));
    }),
};
