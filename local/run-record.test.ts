import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { cleanEarlierRun, knownProcess, RunRecord } from './run-record.ts';

suite('the record of a run', () => {
  const folder = mkdtempSync(join(tmpdir(), 'remora-record-'));
  const path = join(folder, 'run.json');
  const launcherThatIsGone = { pid: 2 ** 22 - 3, startTime: 'long ago' };
  after(() => rmSync(folder, { recursive: true }));

  const sleeper = () => spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });

  test('of a killed run lets its processes be ended', async () => {
    const child = sleeper();
    const ended = once(child, 'exit');
    new RunRecord(path, launcherThatIsGone).started(child.pid ?? assert.fail());
    assert.deepEqual(await cleanEarlierRun(path), { kind: 'cleaned', processes: 1 });
    assert.deepEqual(await ended, [null, 'SIGKILL']);
    assert.equal(existsSync(path), false);
    assert.deepEqual(await cleanEarlierRun(path), { kind: 'none' });
  });

  test('does not end a process that has got the number of another', async () => {
    const child = sleeper();
    new RunRecord(path, launcherThatIsGone).started(child.pid ?? assert.fail());
    const record = JSON.parse(readFileSync(path, 'utf8'));
    record.processes[0].startTime = 'before';
    writeFileSync(path, JSON.stringify(record));
    assert.deepEqual(await cleanEarlierRun(path), { kind: 'cleaned', processes: 0 });
    assert.equal(child.exitCode, null);
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  });

  test('forgets processes that have ended', async () => {
    const child = sleeper();
    const pid = child.pid ?? assert.fail();
    const record = new RunRecord(path, launcherThatIsGone);
    record.started(pid);
    record.ended(pid);
    assert.deepEqual(await cleanEarlierRun(path), { kind: 'cleaned', processes: 0 });
    child.kill('SIGKILL');
  });

  test('of a run that lives is left alone', async () => {
    const self = knownProcess(process.pid) ?? assert.fail();
    const record = new RunRecord(path, self);
    assert.deepEqual(await cleanEarlierRun(path), { kind: 'running', pid: process.pid });
    assert.equal(existsSync(path), true);
    record.remove();
  });

  test('that nobody can read is no record', async () => {
    writeFileSync(path, '{"launcher": 7');
    assert.deepEqual(await cleanEarlierRun(path), { kind: 'none' });
  });
});
