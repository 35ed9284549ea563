import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { ContainerProcess } from './container.ts';

suite('a container', () => {
  const folder = mkdtempSync(join(tmpdir(), 'remora-container-'));
  after(() => rmSync(folder, { recursive: true }));
  let number = 0;

  /** Runs a shell script; `until` waits for a state. */
  const run = (script: string, restartPolicy: 'Always' | 'OnFailure' | 'Never') => {
    number += 1;
    const alive = new Set<number>();
    let check = (): void => {};
    const container = new ContainerProcess({
      name: 'test',
      restartPolicy,
      logPath: join(folder, `${number}.log`),
      spawn: (output) =>
        spawn('sh', ['-c', script], { detached: true, stdio: ['ignore', output, output] }),
      onChange: () => check(),
      record: { started: (pid) => alive.add(pid), ended: (pid) => alive.delete(pid) },
    });
    const until = (holds: () => boolean): Promise<void> =>
      new Promise((resolve) => {
        check = () => {
          if (holds()) resolve();
        };
        check();
      });
    container.start();
    return { container, until, alive, log: () => readFileSync(container.logPath, 'utf8') };
  };

  test('that ends well stays ended unless it is to run always', async () => {
    const { container, until, log } = run('echo done', 'OnFailure');
    await until(() => container.state.kind === 'ended');
    assert.deepEqual(container.state, { kind: 'ended', exitCode: 0 });
    assert.equal(log(), 'done\n');
  });

  test('that fails is started again, after a pause', async () => {
    const { container, until, log } = run('echo tried; exit 3', 'OnFailure');
    await until(() => container.state.kind === 'waiting');
    assert.match(JSON.stringify(container.state), /ended with status 3; starts again in 0\.\d s/);
    await until(() => container.restarts === 1 && container.state.kind === 'waiting');
    await container.stop(1000);
    assert.equal(log(), 'tried\ntried\n');
  });

  test('that may not be started again keeps its status', async () => {
    const { container, until } = run('exit 7', 'Never');
    await until(() => container.state.kind === 'ended');
    assert.deepEqual(container.state, { kind: 'ended', exitCode: 7 });
  });

  test('is asked to end, and what it has started ends with it', { timeout: 10_000 }, async () => {
    const { container, log, alive } = run(
      'trap "echo asked; exit 0" TERM; sleep 300 & echo $!; while :; do sleep 0.05; done',
      'Always',
    );
    while (!/\d+\n/.test(log())) await new Promise((resolve) => setTimeout(resolve, 20));
    await container.stop(5000);
    assert.match(log(), /asked/);
    assert.equal(alive.size, 0);
    const child = Number.parseInt(log(), 10);
    while (isRunning(child)) await new Promise((resolve) => setTimeout(resolve, 20));
  });

  test('that does not want to end is killed', async () => {
    const { container, log } = run(
      'trap "" TERM; echo deaf; while :; do sleep 0.05; done',
      'Always',
    );
    while (!log().includes('deaf')) await new Promise((resolve) => setTimeout(resolve, 20));
    await container.stop(50);
    assert.deepEqual(container.state, { kind: 'ended', exitCode: 137 });
  });

  test('whose program does not exist says so', async () => {
    const logPath = join(folder, 'missing.log');
    const state = await new Promise((resolve) => {
      new ContainerProcess({
        name: 'missing',
        restartPolicy: 'Never',
        logPath,
        spawn: () => spawn(join(folder, 'no-such-program'), { stdio: 'ignore' }),
        onChange: (container) => {
          if (container.state.kind === 'ended') resolve(container.state);
        },
        record: { started: () => {}, ended: () => {} },
      }).start();
    });
    assert.deepEqual(state, { kind: 'ended', exitCode: 127 });
    assert.match(readFileSync(logPath, 'utf8'), /cannot be started: .*ENOENT/);
  });
});

/** Whoever is the parent now may take its time to hear of an end; until then it is a zombie. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
