import type { Duplex } from 'node:stream';

/**
 * One way to wear a sidecar out. Runs in a process of its own until that is ended.
 *
 * To add one: a file in `attacks/` and a line in `attacks.ts`.
 *
 * @example
 * export const garbage: Attack = {
 *   name: 'garbage',
 *   what: 'bytes that are no HTTP',
 *   seconds: 10,
 *   ends: 'cut',
 *   start: (target) => target.keep(100, 'plain', (connection) => connection.write('\0'.repeat(1000))),
 * };
 */
export interface Attack {
  readonly name: string;
  /** For the table. */
  readonly what: string;
  readonly seconds: number;
  /**
   * `cut`: every connection of the attacker is closed on him, at the latest by the end.
   * `held`: he stays within what any client may do, and must not be able to do more harm.
   */
  readonly ends: 'cut' | 'held';
  /** What the sidecar's memory may grow by. 96 MiB when left out. */
  readonly memoryMib?: number;
  /** Not yet possible: the reason. */
  readonly notYet?: string;
  start(target: Target): void;
}

/**
 * - `plain`: the inbound port, as any client in the cluster reaches it.
 * - `raw-trunk`: the trunk's port without TLS, as anybody reaches it.
 * - `trunk`: the trunk with the certificate of a pod of the mesh, for bytes of HTTP/2.
 */
export type Entry = 'plain' | 'raw-trunk' | 'trunk';

export interface Target {
  /**
   * Keeps so many connections open: one that is closed is followed by another.
   *
   * @param onOpen writes what is to be written; reading is up to it too
   */
  keep(count: number, entry: Entry, onOpen: (connection: Duplex) => void): void;
  /** The port of the application behind the trunk. */
  readonly applicationPort: number;
}

/** What an attacker tells of himself. */
export interface AttackReport {
  readonly opened: number;
  /** Closed by the other side. */
  readonly cut: number;
  /** Of connections that never came about: refused, or cut in the handshake. */
  readonly refused: number;
  /** How long those lived that were cut, in ms; the latest. */
  readonly livedMs: readonly number[];
}
