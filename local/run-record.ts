import { execFileSync } from 'node:child_process';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { ProcessRecorder } from './container.ts';

/** A process for certain: a number alone may belong to another one by now. */
export interface KnownProcess {
  readonly pid: number;
  /** When it began, in the system's own words. */
  readonly startTime: string;
}

interface Record {
  /** The process that the user started. */
  launcher: KnownProcess;
  /** All others, as far as they are not in a namespace that ends with them. */
  processes: KnownProcess[];
}

/**
 * The list of a run's processes, in a file, so that the next start can end what
 * a killed run has left.
 */
export class RunRecord implements ProcessRecorder {
  readonly #path: string;
  readonly #record: Record;

  constructor(path: string, launcher: KnownProcess) {
    this.#path = path;
    this.#record = { launcher, processes: [] };
    this.#write();
  }

  started(pid: number): void {
    const startTime = startTimeOf(pid);
    if (startTime === undefined) return;
    this.#record.processes.push({ pid, startTime });
    this.#write();
  }

  ended(pid: number): void {
    this.#record.processes = this.#record.processes.filter((known) => known.pid !== pid);
    this.#write();
  }

  /** Nothing is left of this run. */
  remove(): void {
    rmSync(this.#path, { force: true });
  }

  #write(): void {
    writeFileSync(`${this.#path}.new`, `${JSON.stringify(this.#record)}\n`, { mode: 0o600 });
    renameSync(`${this.#path}.new`, this.#path);
  }
}

/** What became of an earlier run. */
export type EarlierRun =
  | { readonly kind: 'none' }
  /** It is still there, in the hands of this process. */
  | { readonly kind: 'running'; readonly pid: number }
  /** It was killed; so many of its processes lived and were ended now. */
  | { readonly kind: 'cleaned'; readonly processes: number };

/**
 * Ends what a killed run has left. Touches no process that is not certainly its own.
 *
 * @param ours the run was started by this process itself, which may clean up after it
 */
export async function cleanEarlierRun(path: string, ours = false): Promise<EarlierRun> {
  const record = readRecord(path);
  if (record === undefined) return { kind: 'none' };
  if (!ours && isAlive(record.launcher)) return { kind: 'running', pid: record.launcher.pid };
  const left = record.processes.filter(isAlive);
  for (const { pid } of left) {
    for (const target of [-pid, pid]) {
      try {
        process.kill(target, 'SIGKILL');
      } catch {
        // It has no group of its own, or ended in the meantime.
      }
    }
  }
  while (left.some(isAlive)) await new Promise((resolve) => setTimeout(resolve, 20));
  rmSync(path, { force: true });
  return { kind: 'cleaned', processes: left.length };
}

function readRecord(path: string): Record | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
  try {
    const value: Partial<Record> = JSON.parse(text);
    const { launcher, processes } = value;
    if (!isKnownProcess(launcher) || !Array.isArray(processes)) return undefined;
    return { launcher, processes: processes.filter(isKnownProcess) };
  } catch {
    return undefined;
  }
}

function isKnownProcess(value: unknown): value is KnownProcess {
  if (typeof value !== 'object' || value === null) return false;
  const { pid, startTime } = value as Partial<KnownProcess>;
  return Number.isInteger(pid) && Number(pid) > 1 && typeof startTime === 'string';
}

/** The process itself is no zombie and began when the record says. */
function isAlive(known: KnownProcess): boolean {
  return startTimeOf(known.pid) === known.startTime;
}

/** The process as the record wants it; undefined when there is none of that number. */
export function knownProcess(pid: number): KnownProcess | undefined {
  const startTime = startTimeOf(pid);
  return startTime === undefined ? undefined : { pid, startTime };
}

function startTimeOf(pid: number): string | undefined {
  if (process.platform === 'linux') {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // The name in parentheses may hold anything; fields are counted after it.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      // proc(5): state is field 3, starttime field 22, in ticks since the boot.
      return fields[0] === 'Z' ? undefined : `${bootId()}/${fields[19]}`;
    } catch {
      return undefined;
    }
  }
  try {
    const line = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
    return line === '' || line.startsWith('Z') ? undefined : line.replace(/^\S+\s+/, '');
  } catch {
    return undefined;
  }
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}
