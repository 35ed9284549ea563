import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { headerField, literalField } from './header-field.ts';

describe('header fields', () => {
  test('that repeat are the same object', () => {
    assert.equal(headerField('x-name', 'a'), headerField('x-name', 'a'));
    assert.notEqual(headerField('x-name', 'a'), headerField('x-name', 'b'));
    assert.equal(headerField(':method', 'GET').staticIndex, 2);
  });

  test('that do not repeat are not kept', () => {
    assert.notEqual(literalField('x-name', 'a'), literalField('x-name', 'a'));
    assert.equal(literalField('x-name', 'a').indexed, false);
  });

  test('over 1 KiB are not kept either', () => {
    const large = 'v'.repeat(1024);
    assert.notEqual(headerField('x-large', large), headerField('x-large', large));
  });

  test('are forgotten when many others came since', () => {
    const before = headerField('x-once', 'a');
    const often = headerField('x-often', 'a');
    for (let i = 0; i < 20_000; i++) {
      headerField('x-number', `${i} ${'v'.repeat(40)}`);
      assert.equal(headerField('x-often', 'a'), often);
    }
    assert.notEqual(headerField('x-once', 'a'), before);
  });

  test('whose text runs together are not mistaken for each other', () => {
    headerField('a', 'b\nc');
    const other = headerField('a\nb', 'c');
    assert.equal(other.valid, false);
  });
});
