import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';

/** Runs a program around `run` in a process of its own, and tells what it printed and how it ended. */
async function runProgram(body: string, onLine: (line: string, kill: () => void) => void) {
  const child = spawn(
    process.execPath,
    [
      '--input-type=module-typescript',
      '--eval',
      `import { run } from './runtime/process.ts';
       import { silentLog } from './runtime/log.ts';
       const say = (text) => console.log(text);
       const component = (name, start = () => {}, stop = () => {}) => ({
         name,
         start: async (signal) => { say('start ' + name); await start(signal); },
         stop: async (signal) => { await stop(signal); say('stop ' + name); },
       });
       setInterval(() => {}, 1000);
       ${body}`,
    ],
    { cwd: new URL('..', import.meta.url), stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const lines: string[] = [];
  let partial = '';
  child.stdout.on('data', (bytes) => {
    partial += bytes;
    const complete = partial.split('\n');
    partial = complete.pop() ?? '';
    for (const line of complete) {
      lines.push(line);
      onLine(line, () => child.kill('SIGTERM'));
    }
  });
  const [status] = await once(child, 'close');
  return { lines, status };
}

test('components start in order and stop in reverse on SIGTERM', async () => {
  const { lines, status } = await runProgram(
    `await run([component('a'), component('b')], { log: silentLog(), drainTimeoutMs: 5000 });`,
    (line, kill) => line === 'start b' && setTimeout(kill, 50),
  );
  assert.deepEqual(lines, ['start a', 'start b', 'stop b', 'stop a']);
  assert.equal(status, 0);
});

test('a component that cannot start ends the process, and those before it stop', async () => {
  const { lines, status } = await runProgram(
    `await run([component('a'), component('b', () => { throw new Error('no'); }), component('c')],
       { log: silentLog(), drainTimeoutMs: 5000 });`,
    () => {},
  );
  assert.deepEqual(lines, ['start a', 'start b', 'stop b', 'stop a']);
  assert.equal(status, 1);
});

test('a component that does not drain is cut when patience ends, and the others still stop', async () => {
  const { lines } = await runProgram(
    `const forever = (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
     await run([component('a'), component('b', undefined, forever)], { log: silentLog(), drainTimeoutMs: 100 });`,
    (line, kill) => line === 'start b' && setTimeout(kill, 50),
  );
  assert.deepEqual(lines, ['start a', 'start b', 'stop a']);
});

test('SIGTERM during the start stops what was started', async () => {
  const { lines, status } = await runProgram(
    `const forever = (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
     await run([component('a'), component('b', forever), component('c')], { log: silentLog(), drainTimeoutMs: 5000 });`,
    (line, kill) => line === 'start b' && setTimeout(kill, 50),
  );
  assert.deepEqual(lines, ['start a', 'start b', 'stop b', 'stop a']);
  assert.equal(status, 0);
});
