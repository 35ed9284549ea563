import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MeshError } from '../../runtime/errors.ts';
import { type HeaderField, headerField } from '../http2/header-field.ts';
import { parseStreamRequest } from './request.ts';

type Pairs = readonly (readonly [name: string, value: string])[];

const fieldsOf = (pairs: Pairs): HeaderField[] =>
  pairs.map(([name, value]) => headerField(name, value));

/** A request for that path, with further fields. */
function head(path: string, ...more: Pairs): HeaderField[] {
  return fieldsOf([
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'Cart.shop:8080'],
    ...more,
  ]);
}

const written = (fields: readonly HeaderField[]): string[] =>
  fields.map(({ name, value }) => `${name}: ${value}`);

const PSEUDO = [':method: GET', ':scheme: http', ':path: /a', ':authority: Cart.shop:8080'];

describe('a request of HTTP/2 is read as one of HTTP/1 is', () => {
  test('method, authority, path and query', () => {
    const request = parseStreamRequest(head('/a//b/../%63?d=1'), true);
    assert.equal(request.method, 'GET');
    assert.deepEqual([request.host, request.port], ['cart.shop', 8080]);
    assert.deepEqual([request.path, request.query], ['/a/c', 'd=1']);
    assert.equal(request.ambiguousPath, false);
    assert.equal(request.form, 'origin');
  });

  test('a path that servers read differently', () => {
    assert.equal(parseStreamRequest(head('/a%2fb'), true).ambiguousPath, true);
  });

  test('OPTIONS for the whole server', () => {
    const fields = head('*').map((field) =>
      field.name === ':method' ? headerField(':method', 'OPTIONS') : field,
    );
    const request = parseStreamRequest(fields, true);
    assert.deepEqual([request.form, request.path], ['asterisk', '*']);
  });

  test('fields that repeat, and cookies that were cut into crumbs', () => {
    const request = parseStreamRequest(
      head('/', ['x', '1'], ['cookie', 'a=1'], ['x', '2'], ['cookie', 'b=2']),
      true,
    );
    assert.equal(request.header('x'), '1, 2');
    assert.equal(request.header('cookie'), 'a=1; b=2');
    assert.equal(request.header('y'), undefined);
  });

  test('an expectation, where there is a body to wait for', () => {
    const fields = head('/', ['expect', '100-Continue']);
    assert.equal(parseStreamRequest(fields, false).expectsContinue, true);
    assert.equal(parseStreamRequest(fields, true).expectsContinue, false);
  });
});

describe('a call of gRPC', () => {
  for (const [type, isGrpc] of [
    ['application/grpc', true],
    ['application/grpc+proto', true],
    ['application/grpc;charset=utf-8', true],
    ['application/grpc-web+proto', false],
    ['application/json', false],
  ] as const) {
    test(`${isGrpc ? 'has' : 'has not'} the type ${type}`, () => {
      const fields = head('/', ['content-type', type], ['grpc-timeout', '5S']);
      const request = parseStreamRequest(fields, false);
      assert.deepEqual([request.isGrpc, request.timeoutMs], [isGrpc, isGrpc ? 5_000 : 0]);
    });
  }
});

describe('a request of HTTP/2 is refused', () => {
  const change = (name: string, value: string): HeaderField[] =>
    head('/').map((field) => (field.name === name ? headerField(name, value) : field));
  for (const [what, fields, code] of [
    ['with CONNECT', change(':method', 'CONNECT'), 'connect-unsupported'],
    ['with user information', change(':authority', 'me@cart'), 'bad-host'],
    ['with no authority', change(':authority', ''), 'bad-host'],
    ['with a port that is none', change(':authority', 'cart:0'), 'bad-host'],
    ['with a fragment', change(':path', '/a#b'), 'bad-target'],
    ['with `*` for another method', change(':path', '*'), 'bad-target'],
    ['with another expectation', head('/', ['expect', 'tea']), 'unsupported-expectation'],
    [
      'with two expectations',
      head('/', ['expect', '100-continue'], ['expect', '100-continue']),
      'unsupported-expectation',
    ],
  ] as const) {
    test(what, () => {
      assert.throws(
        () => parseStreamRequest(fields, true),
        (error) => error instanceof MeshError && error.code === code,
      );
    });
  }
});

describe('a request of HTTP/2 that is passed on', () => {
  test('is the very list of fields that came, where nothing has to change', () => {
    const fields = head('/a', ['x', '1'], ['te', 'trailers']);
    assert.equal(parseStreamRequest(fields, true).encode(true), fields);
  });

  test('leaves the path as it came when nobody decided by it', () => {
    const fields = head('/a//b');
    assert.equal(parseStreamRequest(fields, true).encode(false), fields);
  });

  test('has the path that a rule decided by', () => {
    const encoded = parseStreamRequest(head('/b/../%61?c', ['x', '1']), true).encode(true);
    assert.deepEqual(written(encoded), [
      ...PSEUDO.map((line) => line.replace('/a', '/a?c')),
      'x: 1',
    ]);
  });

  test('has nothing that concerns one hop, identity or trust', () => {
    const fields = head(
      '/a',
      ['x-remora-error', 'made-up'],
      ['x', '1'],
      ['x-forwarded-client-cert', 'forged'],
      ['remora-source', 'shop/admin'],
      ['remora-destination', '127.0.0.1:1'],
      ['proxy-authorization', 'secret'],
    );
    assert.deepEqual(written(parseStreamRequest(fields, true).encode(false)), [...PSEUDO, 'x: 1']);
  });

  test('has our own fields', () => {
    const request = parseStreamRequest(head('/a'), true);
    request.addField('x-forwarded-client-cert', 'URI=spiffe://a');
    assert.deepEqual(written(request.encode(false)), [
      ...PSEUDO,
      'x-forwarded-client-cert: URI=spiffe://a',
    ]);
  });

  test('names its authority as HTTP/2 does, also where it came as Host', () => {
    const fields = fieldsOf([
      [':method', 'GET'],
      [':scheme', 'http'],
      [':path', '/a'],
      ['host', 'Cart.shop:8080'],
      ['x', '1'],
    ]);
    const request = parseStreamRequest(fields, true);
    assert.equal(request.host, 'cart.shop');
    assert.deepEqual(written(request.encode(false)), [...PSEUDO, 'x: 1']);
  });
});
