import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type HeaderField, headerField, literalField, neverIndexedField } from './header-field.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import { HpackEncoder } from './hpack-encoder.ts';
import { decodedLimit, decodeHuffman } from './huffman.ts';

const LIMITS = { maxHeaderListBytes: 1 << 20, maxHeaderFields: 1000 };

function decodeHex(decoder: HpackDecoder, hex: string): [string, string][] | undefined {
  const bytes = Buffer.from(hex.replaceAll(/\s/g, ''), 'hex');
  return decoder.decode(bytes, 0, bytes.length)?.map(({ name, value }) => [name, value]);
}

function encode(encoder: HpackEncoder, fields: readonly HeaderField[]): Buffer {
  const target = Buffer.alloc(encoder.limitOf(fields));
  return target.subarray(0, encoder.encode(fields, target, 0));
}

describe('Huffman', () => {
  const cases = [
    { hex: 'f1e3c2e5f23a6ba0ab90f4ff', text: 'www.example.com' },
    { hex: 'a8eb10649cbf', text: 'no-cache' },
    { hex: '25a849e95ba97d7f', text: 'custom-key' },
    { hex: '25a849e95bb8e8b4bf', text: 'custom-value' },
    { hex: 'd07abe941054d444a8200595040b8166e082a62d1bff', text: 'Mon, 21 Oct 2013 20:13:21 GMT' },
    { hex: '', text: '' },
  ];
  for (const { hex, text } of cases) {
    test(`decodes ${JSON.stringify(text)}`, () => {
      assert.equal(decode(hex), text);
    });
  }

  const invalid = [
    { name: 'the end of string within', hex: 'fffffffc' },
    { name: 'padding of eight bits', hex: '25a849e95ba97d7fff' },
    { name: 'padding of zeros', hex: '18' },
    { name: 'nothing but padding of eight bits', hex: 'ff' },
  ];
  for (const { name, hex } of invalid) {
    test(`refuses ${name}`, () => {
      assert.equal(decode(hex), undefined);
    });
  }

  function decode(hex: string): string | undefined {
    const bytes = Buffer.from(hex, 'hex');
    const target = Buffer.alloc(decodedLimit(bytes.length));
    const length = decodeHuffman(bytes, 0, bytes.length, target);
    return length < 0 ? undefined : target.toString('latin1', 0, length);
  }
});

describe('the decoder', () => {
  test('follows the requests of RFC 7541 C.3', () => {
    const decoder = new HpackDecoder(LIMITS);
    const first = [
      [':method', 'GET'],
      [':scheme', 'http'],
      [':path', '/'],
      [':authority', 'www.example.com'],
    ];
    assert.deepEqual(decodeHex(decoder, '828684410f7777772e6578616d706c652e636f6d'), first);
    assert.deepEqual(decodeHex(decoder, '828684be58086e6f2d6361636865'), [
      ...first,
      ['cache-control', 'no-cache'],
    ]);
    assert.deepEqual(
      decodeHex(decoder, '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565'),
      [
        [':method', 'GET'],
        [':scheme', 'https'],
        [':path', '/index.html'],
        [':authority', 'www.example.com'],
        ['custom-key', 'custom-value'],
      ],
    );
  });

  test('follows the responses of RFC 7541 C.6, with Huffman codes and evictions', () => {
    const decoder = new HpackDecoder(LIMITS);
    // The table of 256 bytes that the examples have.
    decodeHex(decoder, '3fe101');
    const date = 'Mon, 21 Oct 2013 20:13:21 GMT';
    const location = 'https://www.example.com';
    assert.deepEqual(
      decodeHex(
        decoder,
        '488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3',
      ),
      [
        [':status', '302'],
        ['cache-control', 'private'],
        ['date', date],
        ['location', location],
      ],
    );
    assert.deepEqual(decodeHex(decoder, '4883640effc1c0bf'), [
      [':status', '307'],
      ['cache-control', 'private'],
      ['date', date],
      ['location', location],
    ]);
    assert.deepEqual(
      decodeHex(
        decoder,
        '88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
      ),
      [
        [':status', '200'],
        ['cache-control', 'private'],
        ['date', 'Mon, 21 Oct 2013 20:13:22 GMT'],
        ['location', location],
        ['content-encoding', 'gzip'],
        ['set-cookie', 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'],
      ],
    );
  });

  const errors = [
    { name: 'an index of 0', hex: '80' },
    { name: 'an index beyond the tables', hex: 'be' },
    { name: 'the name of an entry that is not there', hex: '7f0001 61' },
    { name: 'an integer without an end', hex: 'ffffffffffffff' },
    { name: 'a string longer than the block', hex: '400a6162' },
    { name: 'a name without a value', hex: '400161' },
    { name: 'a string that is no Huffman code', hex: '0084ffffffff' },
    { name: 'a table larger than the setting', hex: '3fe21f' },
    { name: 'a table size after a field', hex: '8220' },
  ];
  for (const { name, hex } of errors) {
    test(`refuses ${name}`, () => {
      assert.throws(() => decodeHex(new HpackDecoder(LIMITS), hex), { code: 'http2-compression' });
    });
  }

  test('keeps what must never be indexed apart', () => {
    const decoder = new HpackDecoder(LIMITS);
    const bytes = Buffer.from('1f080a7365637265742d6b6579', 'hex');
    const [field] = decoder.decode(bytes, 0, bytes.length) ?? [];
    assert.deepEqual(
      [field?.name, field?.value, field?.neverIndexed],
      ['authorization', 'secret-key', true],
    );
  });

  const limits = [
    { name: 'size', limits: { maxHeaderListBytes: 200, maxHeaderFields: 100 }, count: 6 },
    { name: 'count', limits: { maxHeaderListBytes: 10_000, maxHeaderFields: 5 }, count: 6 },
  ];
  for (const { name, limits: limit, count } of limits) {
    test(`gives no list over the limit of ${name}, and stays in step`, () => {
      const encoder = new HpackEncoder();
      const decoder = new HpackDecoder(limit);
      const many = Array.from({ length: count }, (_, i) => headerField('cookie', `a=${i}`));
      const block = encode(encoder, many);
      assert.equal(decoder.decode(block, 0, block.length), undefined);
      const again = encode(encoder, many.slice(0, 2));
      assert.equal(again.length, 2, 'both are in the table');
      assert.deepEqual(
        decoder.decode(again, 0, again.length)?.map(({ value }) => value),
        ['a=0', 'a=1'],
      );
    });
  }
});

describe('a block that is far over the limits', () => {
  const limits = { maxHeaderListBytes: 10_000, maxHeaderFields: 100 };
  for (const { name, hex } of [
    // A field of 4,000 bytes, and each further byte stands for it.
    { name: 'a bomb', hex: `4001617fa11e${'62'.repeat(4_000)}${'be'.repeat(1_000)}` },
    { name: 'a field again and again', hex: '82'.repeat(1_000) },
  ]) {
    test(`ends the connection: ${name}`, () => {
      assert.throws(() => decodeHex(new HpackDecoder(limits), hex), { code: 'http2-flood' });
    });
  }
});

describe('a literal that was met before', () => {
  const DATE = 'Fri, 27 Nov 2026 23:00:00 GMT';
  const literal = (first: number[], value: string): Buffer =>
    Buffer.concat([Buffer.from([...first, value.length]), Buffer.from(value)]);
  const decodeOne = (block: Buffer) => new HpackDecoder(LIMITS).decode(block, 0, block.length)?.[0];

  test('is the same field, as long as every byte is the same', () => {
    const block = literal([0x61], DATE);
    const first = decodeOne(block);
    assert.equal(decodeOne(block), first);
    const later = decodeOne(literal([0x61], DATE.replace('00 GMT', '01 GMT')));
    assert.equal(later?.value, DATE.replace('00 GMT', '01 GMT'));
    assert.equal(decodeOne(literal([0x61], DATE.slice(0, 10)))?.value, DATE.slice(0, 10));
  });

  test('is told apart by whether it may enter tables', () => {
    const [indexed, plain, never] = [
      decodeOne(literal([0x61], DATE)),
      decodeOne(literal([0x0f, 0x12], DATE)),
      decodeOne(literal([0x1f, 0x12], DATE)),
    ];
    assert.deepEqual(
      [indexed, plain, never].map((field) => [field?.name, field?.indexed, field?.neverIndexed]),
      [
        ['date', true, false],
        ['date', false, false],
        ['date', false, true],
      ],
    );
    assert.notEqual(decodeOne(literal([0x1f, 0x12], DATE)), never, 'a secret is not kept');
  });

  test('enters the table of each decoder', () => {
    const block = Buffer.concat([literal([0x61], DATE), Buffer.from([0xbe])]);
    for (let i = 0; i < 2; i++) {
      const fields = new HpackDecoder(LIMITS).decode(block, 0, block.length);
      assert.deepEqual(
        fields?.map(({ value }) => value),
        [DATE, DATE],
      );
    }
  });

  test('is not read where the block ends within it', () => {
    decodeOne(literal([0x61], DATE));
    const cut = literal([0x61], DATE).subarray(0, 20);
    assert.throws(() => decodeOne(cut), /ends within a field/);
  });
});

describe('the encoder', () => {
  test('sends a field that repeats as one byte, and mirrors what was not indexed', () => {
    const encoder = new HpackEncoder();
    const fields = [
      headerField(':method', 'GET'),
      headerField('user-agent', 'test'),
      literalField(':path', '/123'),
      neverIndexedField('authorization', 'secret'),
    ];
    encode(encoder, fields);
    const again = encode(encoder, fields);
    assert.equal(again.toString('hex', 0, 3), '82be04');
    assert.equal(again[8], 0x1f, 'never indexed');
  });

  test('tells of each change of the table', () => {
    const encoder = new HpackEncoder();
    const decoder = new HpackDecoder(LIMITS);
    const fields = [headerField('x-first', 'one'), headerField('x-second', 'two')];
    const texts = (block: Buffer) =>
      decoder.decode(block, 0, block.length)?.map(({ value }) => value);
    assert.deepEqual(texts(encode(encoder, fields)), ['one', 'two']);
    encoder.limitTable(0);
    encoder.limitTable(8192);
    const block = encode(encoder, fields);
    assert.equal(block.toString('hex', 0, 4), '203fe11f', 'to nothing, then to the default');
    assert.deepEqual(texts(block), ['one', 'two']);
    encoder.limitTable(64);
    assert.deepEqual(texts(encode(encoder, fields)), ['one', 'two']);
  });
});

const text = (unit: fc.Arbitrary<string>, maxLength: number) => fc.string({ unit, maxLength });
const byte = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));
const anyField = fc
  .tuple(
    text(fc.constantFrom('a', 'b', '-', ':'), 6),
    fc.oneof(fc.constantFrom('1', '2'), text(byte, 40), text(byte, 3000)),
    fc.constantFrom(headerField, literalField, neverIndexedField),
  )
  .map(([name, value, make]) => make(name, value));

test('whatever is encoded decodes to the same, however the table changes', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          fields: fc.array(anyField, { maxLength: 20 }),
          limits: fc.array(fc.integer({ min: 0, max: 6000 }), { maxLength: 3 }),
        }),
        { maxLength: 12 },
      ),
      (blocks) => {
        const encoder = new HpackEncoder();
        const decoder = new HpackDecoder(LIMITS);
        for (const { fields, limits } of blocks) {
          for (const limit of limits) encoder.limitTable(limit);
          const block = encode(encoder, fields);
          const decoded = decoder.decode(block, 0, block.length);
          assert.deepEqual(
            decoded?.map(({ name, value, neverIndexed }) => [name, value, neverIndexed]),
            fields.map(({ name, value, neverIndexed }) => [name, value, neverIndexed]),
          );
        }
      },
    ),
  );
});

test('random bytes are fields or a compression error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const decoder = new HpackDecoder(LIMITS);
      try {
        decoder.decode(Buffer.from(bytes), 0, bytes.length);
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'http2-compression');
      }
    }),
    { numRuns: 2000 },
  );
});
