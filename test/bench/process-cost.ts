import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** What a process has cost so far, as `/proc/PID/stat` says. */
export interface ProcessStat {
  readonly parent: number;
  /** User and system, of all threads that are and were, in clock ticks. */
  readonly ticks: number;
  /** Of children that have ended and were waited for, in clock ticks. */
  readonly endedChildrenTicks: number;
}

/**
 * Reads a line of `/proc/PID/stat` (proc(5)). The name in parentheses may hold
 * spaces and parentheses itself, so the fields count from the last one.
 *
 * @throws Error when the text is not such a line
 */
export function parseProcessStat(text: string): ProcessStat {
  // From field 3, "state", on.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const field = (number: number): number => Number(fields[number - 3]);
  const stat = {
    parent: field(4),
    ticks: field(14) + field(15),
    endedChildrenTicks: field(16) + field(17),
  };
  if (!Object.values(stat).every(Number.isFinite)) throw new Error(`not a process stat: ${text}`);
  return stat;
}

/**
 * Proportional set size in bytes, from the text of `/proc/PID/smaps_rollup`.
 *
 * @throws Error when the text does not say
 */
export function parsePssBytes(text: string): number {
  const kib = /^Pss:\s+(\d+) kB$/m.exec(text)?.[1];
  if (kib === undefined) throw new Error(`no Pss in: ${text}`);
  return Number(kib) * 1024;
}

let ticksPerSecond: number | undefined;

/** CPU time of processes and all of their children until now, in microseconds. */
export function cpuMicroseconds(pids: readonly number[]): number {
  ticksPerSecond ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  let ticks = 0;
  for (const pid of withChildren(pids)) {
    const stat = readStat(pid);
    if (stat !== undefined) ticks += stat.ticks + stat.endedChildrenTicks;
  }
  return (ticks / ticksPerSecond) * 1e6;
}

/** Proportional set size of processes and all of their children, in bytes. */
export function pssBytes(pids: readonly number[]): number {
  return withChildren(pids)
    .map((pid) => parsePssBytes(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')))
    .reduce((sum, bytes) => sum + bytes, 0);
}

function withChildren(pids: readonly number[]): number[] {
  const childrenOf = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const parent = /^\d+$/.test(name) ? readStat(Number(name))?.parent : undefined;
    if (parent === undefined) continue;
    childrenOf.set(parent, [...(childrenOf.get(parent) ?? []), Number(name)]);
  }
  const found = [...pids];
  for (let at = 0; at < found.length; at += 1)
    found.push(...(childrenOf.get(found[at] ?? 0) ?? []));
  return found;
}

/** Undefined when the process has ended. */
function readStat(pid: number): ProcessStat | undefined {
  try {
    return parseProcessStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return undefined;
  }
}
