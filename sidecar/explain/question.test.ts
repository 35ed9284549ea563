import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MeshError } from '../../runtime/errors.ts';
import { readQuestion } from './question.ts';

describe('a question', () => {
  test('names where the application connects to, and the request as rules see it', () => {
    const { host, port, request } = readQuestion(
      'get http://orders.shop:8080/a/../b?q=1\nX-User: ada\r\n\nx-user: bob\n',
    );
    assert.deepEqual([host, port], ['orders.shop', 8080]);
    assert.deepEqual(
      [request.method, request.host, request.port, request.path, request.query],
      ['GET', 'orders.shop', 8080, '/b', 'q=1'],
    );
    assert.equal(request.header('x-user'), 'ada, bob');
  });

  test('may leave out what has a usual value', () => {
    const { host, port, request } = readQuestion('POST orders');
    assert.deepEqual([host, port, request.path, request.method], ['orders', 80, '/', 'POST']);
  });

  test('may name another Host than the place to which it goes', () => {
    const { host, request } = readQuestion('GET http://[fd00::1]:81/\nhost: orders.example');
    assert.deepEqual([host, request.host], ['fd00::1', 'orders.example']);
  });

  for (const [text, says] of [
    ['', /"" is no method and URL: write a request as/],
    ['http://orders/', /no method and URL/],
    ['GET http://orders/ HTTP/1.1', /no method and URL/],
    ['GET https://orders/', /TLS that the application speaks/],
    ['GET ftp://orders/', /"ftp" is no scheme/],
    ['GET http:///path', /"" is no name or address/],
    ['GET http://user@orders/', /"user@orders" is no name or address/],
    ['GET http://orders/é', /not ASCII/],
    ['GET http://orders/\nnonsense', /"nonsense" is no header/],
    ['GET http://orders/\nhost: a\nhost: b', /would refuse the request: Host is given twice/],
    ['GET http://orders/\ncontent-length: x', /would refuse the request/],
  ] as const) {
    test(`is refused as ${JSON.stringify(text)}`, () => {
      assert.throws(
        () => readQuestion(text),
        (error: unknown) =>
          error instanceof MeshError && error.code === 'bad-question' && says.test(error.message),
      );
    });
  }
});
