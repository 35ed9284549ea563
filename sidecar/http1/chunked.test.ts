import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { MeshError } from '../../runtime/errors.ts';
import { ChunkedReader } from './chunked.ts';

interface Read {
  body: string;
  trailers: string | undefined;
  /** Bytes after the body. */
  rest: string;
  done: boolean;
}

function read(pieces: readonly Buffer[]): Read {
  const reader = new ChunkedReader();
  const result: Read = { body: '', trailers: undefined, rest: '', done: false };
  const sink = {
    onBody: (bytes: Buffer) => {
      result.body += bytes.toString('latin1');
    },
    onBodyEnd: (trailers: Buffer | undefined) => {
      assert.equal(result.done, false, 'ended twice');
      result.done = true;
      result.trailers = trailers?.toString('latin1');
    },
  };
  for (const piece of pieces) {
    const end = reader.read(piece, 0, sink);
    if (end < piece.length) assert.equal(result.done, true, 'bytes left before the end');
    result.rest += piece.toString('latin1', end);
  }
  assert.equal(reader.done, result.done);
  return result;
}

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const bytewise = (text: string): Buffer[] => [...text].map(latin1);

const accepted: [what: string, text: string, expected: Partial<Read>][] = [
  ['nothing', '0\r\n\r\n', { body: '', trailers: undefined }],
  ['one chunk', '5\r\nhello\r\n0\r\n\r\n', { body: 'hello' }],
  ['two chunks', '5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n', { body: 'hello world' }],
  ['digits of both cases', 'a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n', {}],
  ['leading zeros', '0005\r\nhello\r\n000\r\n\r\n', { body: 'hello' }],
  ['an extension, which is dropped', '5;a=b;c="d"\r\nhello\r\n0;x\r\n\r\n', { body: 'hello' }],
  ['trailers', '0\r\nX-A: 1\r\nX-B: 2\r\n\r\n', { trailers: 'X-A: 1\r\nX-B: 2\r\n' }],
  [
    'trailers that have no place there, which are dropped',
    '0\r\nContent-Length: 5\r\nX-A: 1\r\nHost: x\r\nX-Remora-Error: y\r\n\r\n',
    { trailers: 'X-A: 1\r\n' },
  ],
  ['the next message behind it', '0\r\n\r\nGET / HTTP/1.1\r\n', { rest: 'GET / HTTP/1.1\r\n' }],
  ['data that looks like a chunk', '5\r\n0\r\n\r\n\r\n0\r\n\r\n', { body: '0\r\n\r\n' }],
];

describe('chunks are read with', () => {
  for (const [what, text, expected] of accepted) {
    test(what, () => {
      const whole = read([latin1(text)]);
      assert.equal(whole.done, true);
      assert.deepEqual({ ...whole, ...expected }, whole);
      assert.deepEqual(read(bytewise(text)), whole, 'byte by byte');
      const places = fc.array(fc.nat(text.length), { maxLength: 5 });
      fc.assert(
        fc.property(places, (cuts) => {
          const bounds = [0, ...cuts.sort((a, b) => a - b), text.length];
          const pieces = bounds.slice(1).map((end, i) => latin1(text.slice(bounds[i], end)));
          assert.deepEqual(read(pieces), whole);
        }),
        { numRuns: 30 },
      );
    });
  }
});

test('small chunks of one buffer are told together, large ones by themselves', () => {
  const large = 'x'.repeat(5000);
  const text = `1\r\na\r\n1\r\nb\r\n1388\r\n${large}\r\n1\r\nc\r\n1\r\nd\r\n0\r\n\r\n`;
  const told: string[] = [];
  const sink = {
    onBody: (bytes: Buffer) => told.push(bytes.toString('latin1')),
    onBodyEnd: () => told.push('end'),
  };
  new ChunkedReader().read(latin1(text), 0, sink);
  assert.deepEqual(told, ['ab', `${large}cd`, 'end']);
});

const refused: [what: string, text: string][] = [
  ['no size', '\r\nhello\r\n'],
  ['a size with a sign', '+5\r\nhello\r\n'],
  ['a size below zero', '-5\r\nhello\r\n'],
  ['a size with 0x', '0x5\r\nhello\r\n'],
  ['a size with a space before', ' 5\r\nhello\r\n'],
  ['a size with a space behind', '5 \r\nhello\r\n'],
  ['a size with a tab behind', '5\t\r\nhello\r\n'],
  ['a size that is no number', 'g\r\n'],
  ['a size with an underscore', '1_0\r\n'],
  ['a size too large', 'fffffffffffff\r\n'],
  ['bare LF after the size', '5\nhello\r\n'],
  ['bare CR after the size', '5\rhello\r\n'],
  ['bare LF after the data', '5\r\nhello\n0\r\n\r\n'],
  ['data longer than the size', '5\r\nhello!\r\n0\r\n\r\n'],
  ['data shorter than the size', '5\r\nhell\r\n0\r\n\r\n'],
  ['bare LF in an extension', '5;a\nhello\r\n'],
  ['bare CR in an extension', '5;a\rb\r\nhello\r\n'],
  ['NUL in an extension', '5;a\0\r\nhello\r\n'],
  ['an extension without end', `5;${'a'.repeat(5000)}`],
  ['a folded trailer', '0\r\nA: b\r\n c\r\n\r\n'],
  ['a trailer with a space before the colon', '0\r\nA : b\r\n\r\n'],
  ['bare LF in the trailers', '0\r\nA: b\n\r\n'],
  ['trailers too long', `0\r\nA: ${'b'.repeat(20_000)}\r\n\r\n`],
];

describe('chunks are refused with', () => {
  for (const [what, text] of refused) {
    test(what, () => {
      assert.throws(() => read([latin1(text)]), MeshError);
      assert.throws(() => read(bytewise(text)), MeshError, 'byte by byte');
    });
  }
});
