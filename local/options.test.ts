import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { CHECKOUT } from './image-folders.ts';
import { readOptions } from './options.ts';

suite('what npm start can be told', () => {
  test('nothing means the quickstart', () => {
    const options = readOptions([], '/somewhere');
    assert.equal(options.folder, `${CHECKOUT}/examples/quickstart`);
    assert.equal(options.action, 'run');
    assert.equal(options.loopback, false);
  });

  test('folders are meant from where the user is', () => {
    const options = readOptions(['mine', '--state', '../s', '--loopback'], '/home/me');
    assert.equal(options.folder, '/home/me/mine');
    assert.equal(options.state, '/home/s');
    assert.equal(options.loopback, true);
  });

  for (const [args, message] of [
    [['a', 'b'], /one folder, not 2/],
    [['--fast'], /--fast/],
    [['--log-level', 'loud'], /--log-level loud: debug, info, warn or error/],
    [['--access-log', 'xml'], /--access-log xml: off, text or json/],
    [['--control-plane', 'kill'], /--control-plane kill: stop or start/],
  ] as const) {
    test(`refused: ${args.join(' ')}`, () => {
      assert.throws(() => readOptions(args, '/'), { code: 'bad-usage', message });
    });
  }
});
