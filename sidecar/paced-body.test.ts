import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ManualClock } from '../runtime/clock.ts';
import { PacedBody } from './paced-body.ts';

/** A body of which the test holds both ends. */
function paced(bytesPerSecond: number) {
  const clock = new ManualClock(0);
  const said: string[] = [];
  const pieces: Buffer[] = [];
  let over = false;
  const body: PacedBody<string> = new PacedBody<string>({
    bytesPerSecond,
    clock,
    isOver: () => over,
    sink: {
      write: (bytes, last) => {
        pieces.push(bytes);
        if (last) said.push('last');
      },
      end: (trailers) => said.push(`end ${trailers}`),
    },
    source: { pause: () => said.push('pause'), resume: () => said.push('resume') },
  });
  return {
    ...{ body, clock, said },
    passed: () => Buffer.concat(pieces),
    expire: () => {
      over = true;
    },
  };
}

const bytes = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, i) => i % 251));

describe('a body at a rate', () => {
  test('begins at once and goes on at the rate', () => {
    const { body, clock, passed, said } = paced(1_000);
    body.add(bytes(1_000), true);
    assert.equal(passed().length, 50);
    clock.advance(500);
    assert.ok(Math.abs(passed().length - 550) <= 1, `${passed().length}`);
    clock.advance(2_000);
    assert.deepEqual(passed(), bytes(1_000));
    assert.deepEqual(said, ['last']);
  });

  test('ends with its trailers, after all of it', () => {
    const { body, clock, said } = paced(1_000);
    body.add(bytes(200), false);
    body.end('trailers');
    assert.deepEqual(said, []);
    clock.advance(1_000);
    assert.deepEqual(said, ['end trailers']);
  });

  test('that is empty ends at once', () => {
    const one = paced(1_000);
    one.body.end(undefined);
    assert.deepEqual(one.said, ['end undefined']);
    const other = paced(1_000);
    other.body.add(Buffer.alloc(0), true);
    assert.deepEqual(other.said, ['last']);
  });

  test('asks its source to wait, and to go on before it runs dry', () => {
    const { body, clock, said, passed } = paced(100_000);
    body.add(bytes(30_000), false);
    assert.deepEqual(said, ['pause']);
    clock.advance(100);
    assert.deepEqual(said, ['pause']);
    clock.advance(100);
    assert.deepEqual(said, ['pause', 'resume']);
    assert.ok(passed().length < 30_000);
  });

  test('waits for a sink that takes nothing, and then does not make up for it at once', () => {
    const { body, clock, passed } = paced(1_000);
    body.add(bytes(5_000), true);
    body.block();
    clock.advance(60_000);
    const before = passed().length;
    assert.equal(before, 50);
    body.unblock();
    assert.ok(passed().length - before <= 102, `${passed().length - before}`);
  });

  test('goes at once when it is over', () => {
    const { body, clock, passed, expire } = paced(1);
    body.add(bytes(100_000), true);
    expire();
    clock.advance(2_000);
    assert.equal(passed().length, 100_000);
  });

  test('that nobody wants any more says nothing', () => {
    const { body, clock, passed, said } = paced(1_000);
    body.add(bytes(1_000), false);
    body.stop();
    clock.advance(10_000);
    body.add(bytes(10), true);
    assert.equal(passed().length, 50);
    assert.deepEqual(said, []);
  });

  test('of many small pieces keeps to the rate, without a timer for each', () => {
    const { body, clock, passed } = paced(10_000);
    for (let i = 0; i < 10_000; i++) body.add(Buffer.from([i % 256]), false);
    clock.advance(500);
    assert.ok(Math.abs(passed().length - 5_500) <= 20, `${passed().length}`);
  });
});
