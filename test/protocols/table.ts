import type { Result } from './result.ts';

const HEADINGS = ['protocol', 'checks', 'passed', 'mTLS', 'carried as'];

/** The table as a person reads it. */
export function formatTable(results: readonly Result[]): string {
  const rows = results.map((result) => [
    result.title,
    ...(result.missing === undefined ? cells(result) : ['-', '-', '-', result.missing]),
  ]);
  const table = [HEADINGS, ...rows];
  const widths = HEADINGS.map((_, column) =>
    Math.max(...table.map((cells) => cells[column]?.length ?? 0)),
  );
  return table
    .map((cells) =>
      cells
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function cells({ checks, mutualTls, carriage }: Result): string[] {
  const passed = checks.filter(({ error }) => error === undefined).length;
  const { connections, of } = mutualTls;
  return [
    String(checks.length),
    passed === checks.length ? String(passed) : `${passed}, FAILED`,
    connections === of ? (of === 0 ? 'none seen' : 'all') : `${connections} of ${of}`,
    [...new Set(Object.values(carriage).flat())].sort().join(', '),
  ];
}
