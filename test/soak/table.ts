import { levelsOf, type Series } from './judge.ts';
import type { LoadReport } from './load-report.ts';
import type { Quantity } from './sample.ts';

const MIB = 2 ** 20;
const COLUMNS: readonly { title: string; quantity: Quantity; unit: number }[] = [
  { title: 'RSS MiB', quantity: 'residentBytes', unit: MIB },
  { title: 'heap MiB', quantity: 'heapBytes', unit: MIB },
  { title: 'descriptors', quantity: 'descriptors', unit: 1 },
  { title: 'sockets', quantity: 'sockets', unit: 1 },
  { title: 'connections', quantity: 'connections', unit: 1 },
];

/** A line a process: the level of each quantity in three thirds of the time, and before and after the load. */
export function formatSeries(all: readonly Series[], warmUpSeconds: number): string {
  const rows = all.map((series) => [
    series.name,
    ...COLUMNS.map(({ quantity, unit }) => {
      const { first, middle, last } = levelsOf(series, quantity, warmUpSeconds);
      const [before, after] = [series.base[quantity], series.idle[quantity]];
      const levels = [first, middle, last].map((level) => figure(level / unit)).join(' ');
      return `${levels} (${figure(before / unit)} → ${figure(after / unit)})`;
    }),
  ]);
  return formatRows([['process', ...COLUMNS.map(({ title }) => title)], ...rows]);
}

/** A line a kind of load. */
export function formatLoad({ done, failed }: LoadReport): string {
  const rows = Object.entries(done).map(([kind, count]) => [
    kind,
    String(count),
    failed[kind] === undefined ? '0' : `${failed[kind].count}: ${failed[kind].last}`,
  ]);
  return formatRows([['load', 'done', 'failed'], ...rows]);
}

function formatRows(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((cells) => cells[column]?.length ?? 0)),
  );
  return rows
    .map((cells) =>
      cells
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function figure(value: number): string {
  return Math.abs(value) >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toFixed(1);
}
