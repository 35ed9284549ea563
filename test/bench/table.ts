import type { TableRow } from './result.ts';

const HEADINGS = ['row', 'what', 'unit', 'ours', 'peer', '', 'ratio', 'target', 'verdict'];
/** Columns of numbers, which end at the same place. */
const RIGHT = new Set([3, 4, 6, 7]);

/** The table as a person reads it; notes come below, each once. */
export function formatTable(rows: readonly TableRow[]): string {
  const notes = [...new Set(rows.flatMap(({ note }) => note ?? []))];
  const lines = rows.map((row) => {
    const mark = row.note === undefined ? '' : ` [${notes.indexOf(row.note) + 1}]`;
    return [
      ...[row.id, row.title, row.unit, figure(row.ours), figure(row.peer), row.peerName],
      ...[row.ratio === null ? '-' : row.ratio.toFixed(2), `≤ ${target(row.target)}`],
      row.verdict + mark,
    ];
  });
  const table = [HEADINGS, ...lines];
  const widths = HEADINGS.map((_, column) =>
    Math.max(...table.map((cells) => cells[column]?.length ?? 0)),
  );
  return [
    ...table.map((cells) =>
      cells
        .map((cell, column) => {
          const width = widths[column] ?? 0;
          return RIGHT.has(column) ? cell.padStart(width) : cell.padEnd(width);
        })
        .join('  ')
        .trimEnd(),
    ),
    ...(notes.length === 0 ? [] : ['']),
    ...notes.map((note, i) => `[${i + 1}] ${note.trim()}`),
  ].join('\n');
}

/** Three digits that count. */
function figure(value: number | null): string {
  if (value === null) return '-';
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toFixed(digits);
}

/** As the targets are written down: 0.35, 1.3, 1.0. */
function target(value: number): string {
  return value.toFixed(2).replace(/(\.\d)0$/, '$1');
}
