import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { realHello } from '../../test/fakes/client-hello.ts';
import { type ClientHello, parseClientHello } from './client-hello.ts';

function vector(size: 1 | 2 | 3, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const length = Buffer.alloc(size);
  length.writeUIntBE(body.length, 0, size);
  return Buffer.concat([length, body]);
}

const bytes = (...values: number[]): Buffer => Buffer.from(values);
const text = (value: string): Buffer => Buffer.from(value, 'latin1');

function extension(type: number, body: Buffer): Buffer {
  return Buffer.concat([bytes(type >> 8, type & 255), vector(2, body)]);
}

const serverName = (name: string, type = 0): Buffer =>
  extension(0, vector(2, bytes(type), vector(2, text(name))));
const alpn = (...names: string[]): Buffer =>
  extension(16, vector(2, ...names.map((name) => vector(1, text(name)))));

/** A ClientHello by hand, in records of so many bytes. */
function hello(extensions: Buffer | undefined, recordBytes = 16_384): Buffer {
  const message = Buffer.concat([
    bytes(1),
    vector(
      3,
      bytes(3, 3),
      Buffer.alloc(32),
      vector(1, Buffer.alloc(32)),
      vector(2, bytes(0x13, 0x01)),
      vector(1, bytes(0)),
      extensions === undefined ? Buffer.alloc(0) : vector(2, extensions),
    ),
  ]);
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += recordBytes) {
    records.push(bytes(22, 3, 1), vector(2, message.subarray(at, at + recordBytes)));
  }
  return Buffer.concat(records);
}

const nothing: ClientHello = { serverName: '', protocols: [] };

const cases: { name: string; bytes: Buffer; expected: ClientHello | 'more' | undefined }[] = [
  { name: 'no byte', bytes: Buffer.alloc(0), expected: 'more' },
  {
    name: 'a name and protocols',
    bytes: hello(Buffer.concat([alpn('h2', 'http/1.1'), serverName('Db.Example')])),
    expected: { serverName: 'db.example', protocols: ['h2', 'http/1.1'] },
  },
  { name: 'no extensions', bytes: hello(undefined), expected: nothing },
  { name: 'an empty list of extensions', bytes: hello(Buffer.alloc(0)), expected: nothing },
  {
    name: 'extensions that nobody knows',
    bytes: hello(extension(0xfe0d, bytes(1, 2, 3))),
    expected: nothing,
  },
  {
    name: 'records of one byte',
    bytes: hello(serverName('db.example'), 1),
    expected: { serverName: 'db.example', protocols: [] },
  },
  {
    name: 'something behind it',
    bytes: Buffer.concat([hello(serverName('db.example')), text('more of it')]),
    expected: { serverName: 'db.example', protocols: [] },
  },
  { name: 'a name with a line in it', bytes: hello(serverName('a\nb')), expected: nothing },
  { name: 'an empty name', bytes: hello(serverName('')), expected: nothing },
  {
    name: 'a name that is too long',
    bytes: hello(serverName('a.'.repeat(150))),
    expected: nothing,
  },
  { name: 'a name that ends with a dot', bytes: hello(serverName('db.')), expected: nothing },
  { name: 'a name of another type', bytes: hello(serverName('db', 7)), expected: nothing },
  {
    name: 'the same extension twice',
    bytes: hello(Buffer.concat([serverName('a'), serverName('b')])),
    expected: undefined,
  },
  {
    name: 'two names',
    bytes: hello(
      extension(0, vector(2, bytes(0), vector(2, text('a')), bytes(0), vector(2, text('b')))),
    ),
    expected: undefined,
  },
  { name: 'an empty list of names', bytes: hello(extension(0, vector(2))), expected: undefined },
  { name: 'an empty protocol', bytes: hello(alpn('')), expected: undefined },
  {
    name: 'bytes behind the extensions',
    bytes: hello(Buffer.concat([bytes(0, 0), bytes(9)])),
    expected: undefined,
  },
  {
    name: 'an extension that is longer than all of them',
    bytes: hello(bytes(0, 0, 0xff, 0xff)),
    expected: undefined,
  },
  {
    name: 'another handshake message',
    bytes: bytes(22, 3, 1, 0, 4, 2, 0, 0, 0),
    expected: undefined,
  },
  { name: 'an alert', bytes: bytes(21, 3, 1, 0, 2, 1, 0), expected: undefined },
  { name: 'another version', bytes: bytes(22, 2, 0), expected: undefined },
  { name: 'an empty record', bytes: bytes(22, 3, 1, 0, 0), expected: undefined },
  { name: 'a record that is too long', bytes: bytes(22, 3, 1, 0x40, 1), expected: undefined },
  {
    name: 'a hello of 16 MiB',
    bytes: bytes(22, 3, 1, 0x40, 0, 1, 255, 255, 255),
    expected: undefined,
  },
  { name: 'an empty hello', bytes: bytes(22, 3, 1, 0, 4, 1, 0, 0, 0), expected: undefined },
];

describe('a ClientHello', () => {
  for (const { name, bytes: all, expected } of cases) {
    test(`with ${name}`, () => {
      assert.deepEqual(parseClientHello(all), expected);
    });
  }

  for (const { name, options, expected } of [
    {
      name: 'TLS 1.3',
      options: { servername: 'db.shop.svc', ALPNProtocols: ['postgresql'] },
      expected: { serverName: 'db.shop.svc', protocols: ['postgresql'] },
    },
    {
      name: 'TLS 1.2',
      options: { servername: 'db.shop.svc', maxVersion: 'TLSv1.2' as const },
      expected: { serverName: 'db.shop.svc', protocols: [] },
    },
    { name: 'TLS without a name', options: {}, expected: nothing },
  ]) {
    test(`of a real client of ${name} is read, however it is cut`, async () => {
      const all = await realHello(options);
      for (let i = 0; i < all.length; i++) {
        assert.equal(parseClientHello(all.subarray(0, i)), 'more', `${i} of ${all.length} bytes`);
      }
      assert.deepEqual(parseClientHello(all), expected);
    });
  }

  test('is read however it is cut into records and reads', () => {
    const extensions = Buffer.concat([serverName('db.example'), alpn('h2')]);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 120 }), fc.nat(400), (recordBytes, cut) => {
        const all = hello(extensions, recordBytes);
        const part = parseClientHello(all.subarray(0, Math.min(cut, all.length - 1)));
        assert.equal(part, 'more');
        const expected = { serverName: 'db.example', protocols: ['h2'] };
        assert.deepEqual(parseClientHello(all), expected);
      }),
    );
  });

  test('that is none is never an exception, and never asks for more without end', () => {
    const anything = fc.uint8Array({ maxLength: 600 });
    fc.assert(
      fc.property(anything, fc.boolean(), (content, asRecord) => {
        const body = Buffer.from(content);
        parseClientHello(asRecord ? Buffer.concat([bytes(22, 3, 1), vector(2, body)]) : body);
      }),
      { numRuns: 2_000 },
    );
    const endless = Buffer.concat(
      Array.from({ length: 8_000 }, (_, i) =>
        i === 0 ? bytes(22, 3, 1, 0, 4, 1, 0, 0x40, 0) : bytes(22, 3, 1, 0, 1, 0),
      ),
    );
    assert.equal(parseClientHello(endless), undefined);
  });

  test('that is broken at one place is never an exception, and its name is a host name', () => {
    const all = hello(Buffer.concat([serverName('db.example'), alpn('h2', 'http/1.1')]));
    fc.assert(
      fc.property(fc.nat(all.length - 1), fc.nat(255), (at, value) => {
        const broken = Buffer.from(all);
        broken[at] = value;
        const result = parseClientHello(broken);
        if (result === undefined || result === 'more') return;
        assert.match(result.serverName, /^[a-z0-9._-]*$/);
      }),
      { numRuns: 3_000 },
    );
  });
});
