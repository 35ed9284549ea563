import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import { cpuMicroseconds, parseProcessStat, parsePssBytes, pssBytes } from './process-cost.ts';

/** Fields 3 to 20 of a real process; 14 to 17 are utime, stime, cutime, cstime. */
const FIELDS = 'S 41 42 42 0 -1 4194560 9123 77 3 0 250 31 5 6 20 0 1 0';

suite('what a process costs', () => {
  const names = ['node', 'a name with spaces', 'odd) S 1 2 3', '(nested)'];
  for (const name of names) {
    test(`is read from the stat of (${name})`, () => {
      assert.deepEqual(parseProcessStat(`42 (${name}) ${FIELDS}`), {
        parent: 41,
        ticks: 281,
        endedChildrenTicks: 11,
      });
    });
  }

  test('a text that is no stat is an error', () => {
    assert.throws(() => parseProcessStat(''), /not a process stat/);
    assert.throws(() => parseProcessStat('42 (node) S 1 2'), /not a process stat/);
  });

  test('memory is the line Pss, and none of its parts', () => {
    const text = 'Rss:      900 kB\nPss_Dirty:   5 kB\nPss:      123 kB\nPss_Anon:   7 kB\n';
    assert.equal(parsePssBytes(text), 123 * 1024);
    assert.throws(() => parsePssBytes('Rss: 1 kB\n'), /no Pss/);
  });

  test('counts children too', { skip: process.platform !== 'linux' }, async () => {
    // A shell that stays the parent, and under it a node that works until it has used 300 ms.
    const work =
      'while (process.cpuUsage().user < 3e5); console.log(1); setInterval(() => {}, 1e6)';
    const child = spawn('sh', ['-c', `${process.execPath} -e '${work}'; true`], {
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      await once(child.stdout, 'data');
      const pid = child.pid ?? 0;
      assert.ok(cpuMicroseconds([pid]) >= 280_000);
      assert.ok(pssBytes([pid]) > 5_000_000);
    } finally {
      process.kill(-(child.pid ?? 0), 'SIGKILL');
    }
  });
});
