import assert from 'node:assert/strict';
import { MeshError } from '../../../runtime/errors.ts';
import type { HeaderField } from '../../../sidecar/http2/header-field.ts';
import { HpackDecoder } from '../../../sidecar/http2/hpack-decoder.ts';
import { HpackEncoder } from '../../../sidecar/http2/hpack-encoder.ts';
import type { FuzzTarget } from '../target.ts';
import { type ReferenceBlock, ReferenceDecoder } from './hpack-reference.ts';

const LIMITS = { maxHeaderListBytes: 16 * 1024, maxHeaderFields: 64 };
/** No name or value grows by more than Huffman's shortest code, of five bits, allows. */
const LARGEST_FIELD_BYTES_A_BYTE = 2;

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

/**
 * Header blocks of one connection, each behind a byte that says how long it is: what is
 * read must be what another reader finds, and must survive being written again.
 */
export const hpack: FuzzTarget = {
  name: 'hpack',
  seeds: [
    // RFC 7541, C.4.1 to C.4.3: three requests with Huffman strings.
    '11 828684418cf1e3c2e5f23a6ba0ab90f4ff 0c 828684be5886a8eb10649cbf 18 828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf',
    // C.3.1: the same in plain letters; a name that is no secret, and one that is.
    '14 828684410f7777772e6578616d706c652e636f6d 0a 400161 0162 100163 0164',
    // Sizes of the table, down to nothing and up again.
    '07 20 3fe11f 82 84 86 09 3f09 400161 0362 6364',
  ].map(hex),
  tokens: [
    ...['20', '3fe11f', '3fffffff07', '80', 'be', 'bf', 'ff00', 'ff8080808001', '40', '00', '10'],
    ...['ffff', '7f', '7fffffffff', '82', '0f2f', '400161', '8825a849e95ba97d7f', '83ffffff'],
  ].map(hex),
  run(bytes) {
    const decoder = new HpackDecoder(LIMITS);
    const reference = new ReferenceDecoder(LIMITS);
    const encoder = new HpackEncoder();
    const reader = new HpackDecoder(LIMITS);
    const outcomes = new Set<string>();
    for (let at = 0; at < bytes.length; ) {
      const from = at + 1;
      const to = Math.min(from + (bytes[at] as number), bytes.length);
      const outcome = sameBlock(decoder, reference, bytes, from, to);
      if (typeof outcome === 'string') {
        outcomes.add(outcome);
        // Nothing can be read after that.
        if (outcome !== 'too large') break;
      } else {
        outcomes.add(outcome.some(({ neverIndexed }) => neverIndexed) ? 'secret' : 'read');
        writtenAgain(outcome, encoder, reader);
      }
      at = to;
    }
    return [...outcomes].join(' ');
  },
};

/** @returns the fields, or what was wrong */
function sameBlock(
  decoder: HpackDecoder,
  reference: ReferenceDecoder,
  bytes: Buffer,
  from: number,
  to: number,
): readonly HeaderField[] | string {
  let expected: ReferenceBlock | undefined;
  expected = reference.decode(bytes.subarray(from, to));
  let fields: readonly HeaderField[] | undefined;
  try {
    fields = decoder.decode(bytes, from, to);
  } catch (error) {
    if (!(error instanceof MeshError)) throw error;
    assert.equal(expected, undefined, 'only the reference reads it');
    return error.code;
  }
  assert.ok(expected !== undefined, 'the reference reads something wrong in it');
  if (fields === undefined) {
    assert.ok(expected.tooLarge, 'within the limits');
    return 'too large';
  }
  assert.ok(!expected.tooLarge, 'over the limits');
  assert.deepEqual(
    fields.map(({ name, value }) => [name, value]),
    expected.fields,
  );
  const read = fields.reduce((sum, { name, value }) => sum + name.length + value.length, 0);
  assert.ok(read <= LIMITS.maxHeaderListBytes * LARGEST_FIELD_BYTES_A_BYTE);
  return fields;
}

function writtenAgain(
  fields: readonly HeaderField[],
  encoder: HpackEncoder,
  reader: HpackDecoder,
): void {
  const target = Buffer.alloc(encoder.limitOf(fields));
  const end = encoder.encode(fields, target, 0);
  const again = reader.decode(target, 0, end);
  const plain = (list: readonly HeaderField[]): unknown =>
    list.map(({ name, value, neverIndexed }) => [name, value, neverIndexed]);
  assert.deepEqual(plain(again ?? []), plain(fields), 'written again');
}
