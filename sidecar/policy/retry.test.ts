import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MeshError } from '../../runtime/errors.ts';
import { encodeErrorResponse, statusOf } from './respond.ts';
import { pauseMs } from './retry.ts';

test('pauses double up to the maximum, and lie in the upper half of their span', () => {
  const backoff = { backoffBaseMs: 100, backoffMaxMs: 350 };
  assert.deepEqual(
    [1, 2, 3, 4].map((retry) => pauseMs(backoff, retry, 0)),
    [50, 100, 175, 175],
  );
  assert.deepEqual(
    [1, 2, 3, 4].map((retry) => pauseMs(backoff, retry, 1)),
    [100, 200, 350, 350],
  );
});

test('an error that is not in the table is a fault of ours', () => {
  assert.equal(statusOf(new MeshError('never-heard-of', 'x')), 500);
});

test('an error is answered with its code and its sentence, and for HEAD without', () => {
  const error = new MeshError('no-route', 'nothing matches');
  const expected =
    'HTTP/1.1 404 Not Found\r\nx-remora-error: no-route\r\n' +
    'content-type: text/plain; charset=utf-8\r\ncontent-length: 16\r\n';
  assert.equal(
    encodeErrorResponse(error, 'GET', 'close').toString(),
    `${expected}connection: close\r\n\r\nnothing matches\n`,
  );
  assert.equal(encodeErrorResponse(error, 'HEAD', undefined).toString(), `${expected}\r\n`);
});
