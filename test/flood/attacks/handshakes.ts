import { randomBytes } from 'node:crypto';
import type { Attack } from '../attack.ts';

/** The first bytes of a ClientHello that announces more than comes. */
const HALF_A_HELLO = Buffer.from('1603010200010001fc0303', 'hex');

/** Handshakes that begin and do not go on. */
export const halfHandshakes: Attack = {
  name: 'half-handshakes',
  what: '2,000 connections to the trunk, half a ClientHello',
  seconds: 20,
  ends: 'cut',
  memoryMib: 160,
  start: (target) =>
    target.keep(2_000, 'raw-trunk', (connection) => {
      connection.write(HALF_A_HELLO);
      connection.resume();
    }),
};

/** Connections to the trunk that say nothing. */
export const silentHandshakes: Attack = {
  name: 'silent-handshakes',
  what: '2,000 connections to the trunk that say nothing',
  seconds: 20,
  ends: 'cut',
  memoryMib: 160,
  start: (target) => target.keep(2_000, 'raw-trunk', (connection) => connection.resume()),
};

/** Bytes that are no TLS. */
export const garbageHandshakes: Attack = {
  name: 'garbage-handshakes',
  what: '200 connections at a time to the trunk, garbage',
  seconds: 15,
  ends: 'cut',
  start: (target) =>
    target.keep(200, 'raw-trunk', (connection) => {
      connection.write(randomBytes(2_000));
      connection.resume();
    }),
};
