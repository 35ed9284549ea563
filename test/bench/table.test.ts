import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Measured } from './measured.ts';
import { type TableRow, tableRow, toJson } from './result.ts';
import type { RowPlan, Scenario } from './scenarios.ts';
import { formatTable } from './table.ts';

const TOOLS = {
  nginx: { path: '/nginx', version: '1.22.1' },
  h2load: { path: '/h2load', version: '1.52.0' },
};
const PLAN: RowPlan = {
  ...{ id: 'plain.nginx', title: 'CPU', unit: 'µs', quantity: '', peer: 'nginx', target: 1.4 },
};
const SCENARIO: Scenario = { id: 'plain', rows: [PLAN] };

function measured(ours: readonly number[], theirs: readonly number[]): Measured {
  const result = new Measured();
  for (const value of ours) result.add('remora', '', value);
  for (const value of theirs) result.add('nginx', '', value);
  return result;
}

suite('a row', () => {
  test('is the ratio of the medians', () => {
    const row = tableRow(SCENARIO, PLAN, measured([30, 10, 20], [9, 10, 200]), TOOLS);
    assert.deepEqual(toJson(row), {
      ...{ id: 'plain.nginx', unit: 'µs', ours: 20, peer: 10, peerName: 'nginx 1.22.1' },
      ...{ ratio: 2, target: 1.4, rounds: 3 },
    });
  });

  const cases: {
    name: string;
    ours: number[];
    theirs: number[];
    scenario?: Partial<Scenario>;
    plan?: Partial<RowPlan>;
    failure?: 'remora' | 'nginx';
    reason?: string;
    expected: Partial<TableRow>;
  }[] = [
    { name: 'at the target is met', ours: [14], theirs: [10], expected: { verdict: 'met' } },
    {
      name: 'over the target is missed',
      ours: [15],
      theirs: [10],
      expected: { verdict: 'missed' },
    },
    {
      name: 'whose peer is not here says so',
      ours: [14],
      theirs: [],
      plan: { peer: 'haproxy' },
      expected: { verdict: 'no peer', ours: 14, peer: null, ratio: null, note: 'no haproxy here' },
    },
    {
      name: 'that cannot be measured on this machine says why',
      ours: [],
      theirs: [],
      reason: 'needs h2load',
      expected: {
        verdict: 'not measured',
        ours: null,
        ratio: null,
        note: 'needs h2load',
        rounds: 0,
      },
    },
    {
      name: 'with our wrong answers failed, whatever was measured before',
      ours: [1],
      theirs: [10],
      failure: 'remora',
      expected: { verdict: 'failed', ours: null, ratio: null, note: 'wrong answer' },
    },
    {
      name: 'with wrong answers of the peer failed too',
      ours: [1],
      theirs: [10],
      failure: 'nginx',
      expected: { verdict: 'failed', peer: null, ratio: null, note: 'wrong answer' },
    },
    {
      name: 'of what does not exist yet is never met',
      ours: [1],
      theirs: [10],
      scenario: { note: 'not yet: HTTP/2' },
      expected: { verdict: 'not yet', ratio: 0.1, note: 'not yet: HTTP/2' },
    },
    {
      name: 'against a published figure needs no peer',
      ours: [20],
      theirs: [],
      plan: { peer: { name: 'somebody (published)', value: 80 } },
      expected: { verdict: 'met', peer: 80, ratio: 0.25, peerName: 'somebody (published)' },
    },
    {
      name: 'whose peer adds less than nothing has no ratio',
      ours: [20],
      theirs: [-1],
      expected: { verdict: 'failed', ratio: null },
    },
  ];
  for (const { name, ours, theirs, scenario, plan, failure, reason, expected } of cases) {
    test(name, () => {
      const found = measured(ours, theirs);
      if (failure !== undefined) found.fail(failure, [''], 'wrong answer');
      const row = tableRow(
        { ...SCENARIO, ...scenario },
        { ...PLAN, ...plan },
        found,
        TOOLS,
        reason,
      );
      for (const [field, value] of Object.entries(expected)) {
        assert.equal(row[field as keyof TableRow], value, field);
      }
    });
  }
});

test('the table aligns figures, and lists each note once', () => {
  const rows = [
    tableRow(SCENARIO, PLAN, measured([123.4], [10]), TOOLS),
    tableRow({ ...SCENARIO, note: 'early' }, PLAN, measured([1.234], [10]), TOOLS),
    tableRow({ ...SCENARIO, note: 'early' }, PLAN, undefined, TOOLS),
  ];
  assert.equal(
    formatTable(rows),
    [
      'row          what  unit  ours  peer                ratio  target  verdict',
      'plain.nginx  CPU   µs     123  10.0  nginx 1.22.1  12.34   ≤ 1.4  missed',
      'plain.nginx  CPU   µs    1.23  10.0  nginx 1.22.1   0.12   ≤ 1.4  not yet [1]',
      'plain.nginx  CPU   µs       -     -  nginx 1.22.1      -   ≤ 1.4  not yet [1]',
      '',
      '[1] early',
    ].join('\n'),
  );
});
