import type { Attack } from '../attack.ts';

/** Connections that are opened and never used. */
export const idleConnections: Attack = {
  name: 'idle-connections',
  what: '12,000 connections that say nothing',
  seconds: 30,
  ends: 'held',
  memoryMib: 192,
  start: (target) => target.keep(12_000, 'plain', () => {}),
};

/** Connections that were used once, and then are kept. */
export const usedConnections: Attack = {
  name: 'used-connections',
  what: '5,000 connections, each kept after one request',
  seconds: 30,
  ends: 'held',
  memoryMib: 192,
  start: (target) =>
    target.keep(5_000, 'plain', (connection) => {
      connection.write('GET / HTTP/1.1\r\nHost: cart\r\n\r\n');
      connection.resume();
    }),
};

/** Connections that come and go as fast as they can. */
export const churn: Attack = {
  name: 'churn',
  what: '200 connections at a time, each for one request',
  seconds: 15,
  ends: 'cut',
  start: (target) =>
    target.keep(200, 'plain', (connection) => {
      connection.write('GET / HTTP/1.1\r\nHost: cart\r\nConnection: close\r\n\r\n');
      connection.resume();
    }),
};

/** Connections that are cut at once, so that there is always something to clean up. */
export const abortedConnections: Attack = {
  name: 'aborted-connections',
  what: '200 connections at a time, each cut in the middle of a request',
  seconds: 15,
  ends: 'cut',
  start: (target) =>
    target.keep(200, 'plain', (connection) => {
      connection.write('POST / HTTP/1.1\r\nHost: cart\r\nContent-Length: 1000\r\n\r\nabc', () => {
        setTimeout(() => connection.destroy(), 5);
      });
    }),
};
