import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cookieValue } from './cookie.ts';

const table: [field: string | undefined, value: string | undefined][] = [
  [undefined, undefined],
  ['', undefined],
  ['id=1', '1'],
  ['id=', ''],
  ['id', undefined],
  ['a=1; id=2; b=3', '2'],
  ['a=1;id=2', '2'],
  ['id=1; id=2', '1'],
  ['xid=1', undefined],
  ['idx=1', undefined],
  ['ID=1', undefined],
  ['a=id=1', undefined],
  ['a=b; id="q=1"', '"q=1"'],
  [';;  ; id=7;', '7'],
];
for (const [field, value] of table) {
  test(`the cookie id of ${JSON.stringify(field)} is ${JSON.stringify(value)}`, () => {
    assert.equal(cookieValue(field, 'id'), value);
  });
}
