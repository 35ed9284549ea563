import type { Attack, AttackReport } from './attack.ts';
import type { Experience } from './bystander.ts';

/** What an attack on one defender came to. */
export interface Defence {
  readonly report: AttackReport;
  readonly before: Experience;
  readonly during: Experience;
  /** During the attack, of who asked the application itself. */
  readonly directP99Ms: number;
  /** How much of the time in which it had work the defender waited for a processor. */
  readonly waitedPart: number;
  /** The defender ended: its exit code and what it said last. */
  readonly death: string | undefined;
  /** Resident memory of the defender, in bytes. */
  readonly memoryBefore: number;
  readonly memoryMax: number;
}

export interface FloodResult {
  readonly attack: Attack;
  readonly ours: Defence;
  /** Of HAProxy, when that was asked for. */
  readonly theirs: Defence | undefined;
}

/** How much longer bystanders may wait than in calm, or than at a peer under the same attack. */
const PATIENCE = 2;
/** The heap grows by some 60 MiB under full load of any kind; what is left is under 2 MiB for each of 20 attackers. */
export const DEFAULT_MEMORY_MIB = 96;
const MIB = 2 ** 20;

/** What went wrong; empty when the sidecar held. */
export function problemsOf({ attack, ours, theirs }: FloodResult): string[] {
  const { report, before, during, death, memoryBefore, memoryMax } = ours;
  const problems: string[] = [];
  if (death !== undefined) problems.push(`the sidecar ended: ${death}`);
  if (during.failures.length > 0 || during.requests === 0) {
    const [first = 'no request at all'] = during.failures;
    problems.push(`${during.failures.length} of ${during.requests} bystanders failed: ${first}`);
  }
  if (report.opened + report.refused === 0) problems.push('the attacker did nothing');
  if (attack.ends === 'cut' && report.cut + report.refused === 0) {
    problems.push('no connection of the attacker was cut');
  }
  const grownMib = (memoryMax - memoryBefore) / MIB;
  const limitMib = attack.memoryMib ?? DEFAULT_MEMORY_MIB;
  if (grownMib > limitMib) {
    problems.push(`memory grew by ${grownMib.toFixed(0)} MiB; ${limitMib} are allowed`);
  }
  const limitMs =
    PATIENCE * Math.max(before.p99Ms, theirs?.during.p99Ms ?? Number.POSITIVE_INFINITY);
  if (during.p99Ms > limitMs) {
    const p99 = during.p99Ms.toFixed(1);
    problems.push(`p99 of bystanders is ${p99} ms; ${limitMs.toFixed(1)} ms are allowed`);
  }
  return problems;
}

const HEADINGS = [
  ...['attack', 'what', 'opened', 'cut', 'cut after', 'bystander', 'p99 before/during'],
  ...['direct', 'HAProxy', 'starved', 'memory before/max', 'verdict'],
];

/** One line for each attack, figures with their units. */
export function formatTable(results: readonly FloodResult[]): string {
  const rows = results.map((result) => {
    const { attack, ours, theirs } = result;
    const { report, before, during, directP99Ms, waitedPart, memoryBefore, memoryMax } = ours;
    const good = during.requests - during.failures.length;
    return [
      attack.name,
      attack.what,
      String(report.opened),
      String(report.cut + report.refused),
      report.livedMs.length === 0 ? '-' : `${(median(report.livedMs) / 1000).toFixed(1)} s`,
      `${good}/${during.requests}`,
      `${before.p99Ms.toFixed(1)}/${during.p99Ms.toFixed(1)} ms`,
      `${directP99Ms.toFixed(1)} ms`,
      theirs === undefined ? '-' : `${theirs.during.p99Ms.toFixed(1)} ms`,
      `${(waitedPart * 100).toFixed(0)} %`,
      `${(memoryBefore / MIB).toFixed(0)}/${(memoryMax / MIB).toFixed(0)} MiB`,
      problemsOf(result).length === 0 ? attack.ends : 'FAILED',
    ];
  });
  const table = [HEADINGS, ...rows];
  const widths = HEADINGS.map((_, column) =>
    Math.max(...table.map((row) => row[column]?.length ?? 0)),
  );
  return table
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}
