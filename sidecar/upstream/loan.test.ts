import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memberAt } from '../../test/fakes/members.ts';
import { Loan } from './loan.ts';
import type { Member } from './member.ts';

/** What the lender of a loan that began at 5 ms hears. */
function heard(use: (loan: Loan) => void): unknown[] {
  const calls: unknown[] = [];
  const transport = {
    peer: { address: '10.0.0.1', port: 80, identity: undefined, workload: undefined },
    ...{ finished: false, bytesRead: 0, bytesWritten: 0, onClosed: undefined },
    ...{ onCounted: undefined, attach: () => {}, write: () => true, end: () => {} },
    ...{ destroy: () => {}, pause: () => {}, resume: () => {} },
  };
  const member = memberAt('10.0.0.1');
  const lender = {
    responded: (_: Member, lentMs: number) => calls.push(['responded', lentMs]),
    reported: (_: Member, outcome: string, lentMs: number | undefined) =>
      calls.push([outcome, lentMs]),
    returned: () => {},
    shared: () => {},
    lost: () => {},
    streamOver: () => {},
  };
  use(new Loan(member, { transport, mutualTls: false }, false, lender, 5));
  return calls;
}

const table: { name: string; use: (loan: Loan) => void; calls: unknown[] }[] = [
  {
    name: 'of a request that went well tells how long its head took, once',
    use: (loan) => {
      loan.responded();
      loan.responded();
      loan.report('success');
    },
    calls: [
      ['responded', 5],
      ['success', undefined],
    ],
  },
  {
    name: 'that failed before a head came tells since when it was waited for',
    use: (loan) => loan.report('error'),
    calls: [['error', 5]],
  },
  {
    name: 'whose body broke does not tell its time twice',
    use: (loan) => {
      loan.responded();
      loan.report('error');
      loan.report('success');
    },
    calls: [
      ['responded', 5],
      ['error', undefined],
    ],
  },
  {
    name: 'that was reported already hears of no head',
    use: (loan) => {
      loan.report('cancelled');
      loan.responded();
    },
    calls: [['cancelled', 5]],
  },
];
for (const { name, use, calls } of table) {
  test(`a loan ${name}`, () => assert.deepEqual(heard(use), calls));
}
