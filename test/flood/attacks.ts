import type { Attack } from './attack.ts';
import {
  abortedConnections,
  churn,
  idleConnections,
  usedConnections,
} from './attacks/connections.ts';
import {
  afterRefusal,
  endlessExtensions,
  endlessHeaders,
  endlessValue,
  heldChunks,
  hugeHeads,
  tinyChunks,
} from './attacks/endless.ts';
import { garbageHandshakes, halfHandshakes, silentHandshakes } from './attacks/handshakes.ts';
import { frameFloods, halfPrefaces, slowBlocks } from './attacks/http2-frames.ts';
import { streamFloods, tinyData, unreadResponses, zeroWindows } from './attacks/http2-streams.ts';
import { pipelining, pipeliningLarge, pipeliningRead } from './attacks/pipelining.ts';
import { slowBodies, slowHeads, slowReaders } from './attacks/slow.ts';
import { trunkConnections, trunkFloods } from './attacks/trunk.ts';

export const ATTACKS: readonly Attack[] = [
  slowHeads,
  slowBodies,
  slowReaders,
  endlessHeaders,
  endlessValue,
  endlessExtensions,
  hugeHeads,
  tinyChunks,
  heldChunks,
  afterRefusal,
  pipelining,
  pipeliningLarge,
  pipeliningRead,
  idleConnections,
  usedConnections,
  churn,
  abortedConnections,
  halfHandshakes,
  silentHandshakes,
  garbageHandshakes,
  ...frameFloods,
  halfPrefaces,
  slowBlocks,
  ...streamFloods,
  zeroWindows,
  unreadResponses,
  tinyData,
  ...trunkFloods,
  trunkConnections,
];

/** @throws Error that says which there are */
export function findAttack(name: string): Attack {
  const attack = ATTACKS.find((one) => one.name === name);
  if (attack !== undefined) return attack;
  const names = ATTACKS.map((one) => one.name).join(', ');
  throw new Error(`no attack is called ${name}; there are ${names}`);
}
