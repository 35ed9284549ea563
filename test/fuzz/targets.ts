import type { FuzzTarget } from './target.ts';
import { chunked } from './targets/chunked.ts';
import { connection } from './targets/connection.ts';
import { detection } from './targets/detection.ts';
import { heads } from './targets/heads.ts';
import { hpack } from './targets/hpack.ts';
import { http2 } from './targets/http2.ts';
import { responses } from './targets/responses.ts';

export const TARGETS: readonly FuzzTarget[] = [
  heads,
  chunked,
  detection,
  responses,
  connection,
  hpack,
  http2,
];

/** @throws Error that says which there are */
export function findTarget(name: string): FuzzTarget {
  const target = TARGETS.find((one) => one.name === name);
  if (target !== undefined) return target;
  const names = TARGETS.map((one) => one.name).join(', ');
  throw new Error(`no target is called ${name}; there are ${names}`);
}
