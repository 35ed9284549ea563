import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import type { AttackReport, Entry, Target } from './attack.ts';
import { findAttack } from './attacks.ts';

/** What the attacker's process is given, as JSON in its last argument. */
export interface AttackerOptions {
  readonly attack: string;
  readonly plainPort: number;
  readonly trunkPort: number;
  readonly applicationPort: number;
  /** With the certificate of a pod of the mesh. */
  readonly directory: string;
}

const REPORT_MS = 250;
/** New connections in one turn, so that the queue of the listener is not what gives in. */
const OPEN_AT_ONCE = 100;
/** Before one that was closed is followed by another. */
const AGAIN_MS = 50;
const SAMPLES = 1_000;

const options = JSON.parse(process.argv.at(-1) ?? '') as AttackerOptions;
let [opened, cut, refused] = [0, 0, 0];
const livedMs: number[] = [];

const target: Target = {
  applicationPort: options.applicationPort,
  keep(count, entry, onOpen) {
    let left = count;
    const more = setInterval(() => {
      for (let i = 0; i < Math.min(OPEN_AT_ONCE, left); i++) open(entry, onOpen);
      left -= OPEN_AT_ONCE;
      if (left <= 0) clearInterval(more);
    }, 10);
  },
};

function open(entry: Entry, onOpen: (connection: Duplex) => void): void {
  let openedMs: number | undefined;
  const connection = dial(entry, () => {
    opened += 1;
    openedMs = performance.now();
    onOpen(connection);
  });
  connection.on('error', () => {});
  // The other side's end is its cut; what comes before it may be read or not.
  connection.once('end', () => connection.destroy());
  connection.once('close', () => {
    if (openedMs === undefined) refused += 1;
    else {
      cut += 1;
      livedMs.push(performance.now() - openedMs);
      if (livedMs.length > SAMPLES) livedMs.shift();
    }
    setTimeout(() => open(entry, onOpen), AGAIN_MS);
  });
}

function dial(entry: Entry, onOpen: () => void): Socket {
  if (entry === 'plain') return connect(options.plainPort, '127.0.0.1', onOpen);
  if (entry === 'raw-trunk') return connect(options.trunkPort, '127.0.0.1', onOpen);
  const file = (name: string): Buffer => readFileSync(join(options.directory, name));
  return connectTls(
    {
      port: options.trunkPort,
      host: '127.0.0.1',
      servername: 'trunk.remora.dev',
      ALPNProtocols: ['h2'],
      key: file('client.key'),
      cert: file('client.pem'),
      ca: file('roots.pem'),
      checkServerIdentity: () => undefined,
    },
    onOpen,
  );
}

setInterval(() => {
  const report: AttackReport = { opened, cut, refused, livedMs };
  process.stdout.write(`${JSON.stringify(report)}\n`);
}, REPORT_MS);
// Whoever started this is gone.
process.stdin.on('end', () => process.exit()).resume();

findAttack(options.attack).start(target);
