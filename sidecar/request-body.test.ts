import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { KeptBodies } from './kept-bodies.ts';
import { type BodyTarget, RequestBody } from './request-body.ts';

const log: string[] = [];
beforeEach(() => {
  log.length = 0;
});

const source = {
  pauseRequest: () => log.push('pause'),
  resumeRequest: () => log.push('resume'),
};

/** Says what it is given; takes as much as it is told to. */
function target(name: string, writable = true): BodyTarget<string> {
  return {
    writeBody: (bytes, last) => {
      log.push(`${name} ${bytes.length > 10 ? bytes.length : bytes}${last ? ' last' : ''}`);
      return writable;
    },
    endBody: (trailers) => log.push(`${name} end ${trailers ?? ''}`.trimEnd()),
  };
}

const bytes = (text: string): Buffer => Buffer.from(text);
const body = (): RequestBody<string> => new RequestBody<string>(source);

describe('a body that comes before there is somebody to take it', () => {
  test('is sent from its beginning, and its last piece with its end', () => {
    const made = body();
    made.add(bytes('a'), false);
    made.add(bytes('b'), false);
    made.end(undefined);
    made.sendTo(target('x'));
    assert.deepEqual(log, ['x a', 'x b last']);
  });

  test('ends with its trailers, where there are some', () => {
    const made = body();
    made.add(bytes('a'), false);
    made.end('t');
    made.sendTo(target('x'));
    assert.deepEqual(log, ['x a', 'x end t']);
  });

  test('ends though it was empty', () => {
    const made = body();
    made.end(undefined);
    made.sendTo(target('x'));
    assert.deepEqual(log, ['x end']);
  });

  test('is not taken beyond a limit', () => {
    const made = body();
    made.add(Buffer.alloc(64 * 1024), false);
    assert.deepEqual(log, []);
    made.add(bytes('!'), false);
    assert.deepEqual(log, ['pause']);
    made.sendTo(target('x'));
    assert.deepEqual(log, ['pause', 'x 65536', 'x !', 'resume']);
    assert.equal(made.replayable, false);
  });
});

describe('a body that is under way', () => {
  test('goes as it comes, and once more to another', () => {
    const made = body();
    made.sendTo(target('x'));
    made.add(bytes('a'), false);
    made.detach();
    made.add(bytes('b'), true);
    made.sendTo(target('y'));
    assert.deepEqual(log, ['resume', 'x a', 'y a', 'y b last']);
    assert.equal(made.replayable, true);
  });

  test('stops its sender when it is not taken fast enough, but not at its end', () => {
    const made = body();
    made.sendTo(target('x', false));
    made.add(bytes('a'), false);
    made.add(bytes('b'), true);
    assert.deepEqual(log, ['resume', 'x a', 'pause', 'x b last']);
  });

  test('is given up for another when it grows too large, or nobody keeps it', () => {
    const large = body();
    large.sendTo(target('x'));
    large.add(Buffer.alloc(65_000), false);
    assert.equal(large.replayable, true);
    large.add(Buffer.alloc(1_000), false);
    assert.equal(large.replayable, false);
    const unkept = body();
    unkept.keep = false;
    unkept.sendTo(target('y'));
    assert.equal(unkept.replayable, true);
    unkept.add(bytes('a'), false);
    assert.equal(unkept.replayable, false);
  });
});

describe('bodies together', () => {
  const kept = new KeptBodies(1_000);
  const one = (): RequestBody<string> => new RequestBody<string>(source, kept);

  test('are kept up to a limit, and pass without being kept beyond it', () => {
    const [first, second, third] = [one(), one(), one()];
    for (const made of [first, second, third]) made.sendTo(target('x'));
    first.add(Buffer.alloc(900), false);
    second.add(Buffer.alloc(500), false);
    third.add(Buffer.alloc(500), true);
    assert.deepEqual(
      [first, second, third].map(({ replayable }) => replayable),
      [true, true, false],
    );
    assert.deepEqual(log.slice(-1), ['x 500 last']);
    assert.equal(kept.bytes, 1_400);
    first.forget();
    second.forget();
    third.forget();
    assert.equal(kept.bytes, 0);
  });

  test('that wait for an attempt are stopped early, and sent whole', () => {
    const [first, second] = [one(), one()];
    first.add(Buffer.alloc(1_000), false);
    second.add(bytes('a'), false);
    assert.deepEqual(log.slice(-2), ['pause', 'pause']);
    second.sendTo(target('x'));
    assert.deepEqual(log.slice(-2), ['x a', 'resume']);
    assert.equal(second.replayable, false);
    first.forget();
    assert.equal(kept.bytes, 0);
  });
});
