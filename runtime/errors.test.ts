import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeError, MeshError } from './errors.ts';

const cases: { name: string; error: unknown; sentence: string }[] = [
  {
    name: 'an error with its causes',
    error: new MeshError('a', 'outer', { cause: new Error('inner', { cause: 'why' }) }),
    sentence: 'outer: inner: why',
  },
  {
    name: 'a cause that is a bare object',
    error: new Error('outer', { cause: { claim: 'exp' } }),
    sentence: 'outer',
  },
  {
    name: 'a sentence that holds its reason',
    error: new MeshError('a', 'outer: inner', { cause: new Error('inner') }),
    sentence: 'outer: inner',
  },
  { name: 'an error without a message', error: new TypeError(), sentence: 'TypeError' },
  { name: 'something else that was thrown', error: 'text', sentence: 'text' },
];
for (const { name, error, sentence } of cases) {
  test(`${name} is described`, () => assert.equal(describeError(error), sentence));
}
