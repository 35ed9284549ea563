import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ManualClock } from '../runtime/clock.ts';
import { FreedMemory, loadMallocTrim } from './freed-memory.ts';

suite('freed memory', () => {
  test('is given back again and again, until the end', async () => {
    const clock = new ManualClock();
    let returned = 0;
    const memory = new FreedMemory(clock, async () => () => {
      returned += 1;
    });
    await memory.start();
    assert.equal(returned, 0);
    clock.advance(200_000);
    assert.equal(returned, 3);
    memory.stop();
    clock.advance(200_000);
    assert.equal(returned, 3);
  });

  test('stays where it is when the C library cannot be told', async () => {
    const memory = new FreedMemory(new ManualClock(), async () => undefined);
    await memory.start();
    memory.stop();
  });

  const { glibcVersionRuntime } = (process.report.getReport() as { header: object }).header as {
    glibcVersionRuntime?: string;
  };
  test('goes back through glibc', { skip: glibcVersionRuntime === undefined }, async () => {
    const returnFreed = await loadMallocTrim();
    assert.notEqual(returnFreed, undefined);
    returnFreed?.();
  });
});
