import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { frame } from '../../test/fakes/raw-http2-peer.ts';
import { FLAG, FRAME, PREFACE } from './frame.ts';
import { FrameReader, type FrameSink } from './frame-reader.ts';

/** Writes down what it is told; pieces of data are joined. */
class Log implements FrameSink {
  readonly entries: string[] = [];
  #data = '';
  #end = false;

  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, from: number, to: number) {
    this.entries.push(`${type} ${flags} ${streamId} ${bytes.toString('hex', from, to)}`);
  }

  onDataHeader(streamId: number, frameBytes: number, endStream: boolean) {
    this.entries.push(`data ${streamId} ${frameBytes}`);
    this.#data = '';
    this.#end = endStream;
  }

  onDataBytes(bytes: Buffer, from: number, to: number, last: boolean) {
    this.#data += bytes.toString('hex', from, to);
    if (last) this.entries.push(`bytes ${this.#data} ${this.#end}`);
  }

  onPadding(bytes: number) {
    this.entries.push(`padding ${bytes}`);
  }
}

function read(parts: readonly Buffer[], expectsPreface = false): string[] {
  const log = new Log();
  const reader = new FrameReader(log, 16_384, expectsPreface);
  for (const part of parts) reader.feed(part);
  return log.entries;
}

const FRAMES = [
  frame(FRAME.settings, 0, 0, '000000'),
  frame(FRAME.data, FLAG.endStream, 1, 'hello'),
  frame(FRAME.data, 0, 3),
  frame(FRAME.data, FLAG.endStream, 3),
  frame(FRAME.ping, 0, 0, '12345678'),
  frame(FRAME.data, FLAG.padded, 5, '\x03abcdef\0\0\0'),
  frame(FRAME.data, FLAG.padded, 5, '\x02\0\0'),
  frame(FRAME.data, FLAG.padded | FLAG.endStream, 5, '\0x'),
  frame(0xee, 7, 0x7fff_ffff, 'unknown'),
  frame(FRAME.settings, FLAG.ack, 0),
];
const WIRE = Buffer.concat(FRAMES);

const EXPECTED = [
  '4 0 0 303030303030',
  'data 1 5',
  'bytes 68656c6c6f true',
  'data 3 0',
  'bytes  false',
  'data 3 0',
  'bytes  true',
  '6 0 0 3132333435363738',
  'data 5 10',
  'padding 4',
  'bytes 616263646566 false',
  'data 5 3',
  'padding 3',
  'bytes  false',
  'data 5 2',
  'padding 1',
  'bytes 78 true',
  '238 7 2147483647 756e6b6e6f776e',
  '4 1 0 ',
];

describe('frames', () => {
  test('are read from one piece', () => {
    assert.deepEqual(read([WIRE]), EXPECTED);
  });

  test('are read from two pieces, wherever the cut is', () => {
    for (let cut = 0; cut <= WIRE.length; cut++) {
      assert.deepEqual(read([WIRE.subarray(0, cut), WIRE.subarray(cut)]), EXPECTED, `cut ${cut}`);
    }
  });

  test('are read byte by byte, after the preface', () => {
    const bytes = [...PREFACE, ...WIRE].map((byte) => Buffer.from([byte]));
    assert.deepEqual(read(bytes, true), EXPECTED);
  });

  test('are read from any pieces', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: WIRE.length }), { maxLength: 10 }), (cuts) => {
        const points = [0, ...cuts.sort((a, b) => a - b), WIRE.length];
        const parts = points.slice(1).map((end, i) => WIRE.subarray(points[i], end));
        assert.deepEqual(read(parts), EXPECTED);
      }),
    );
  });

  test('data is handed on without being copied', () => {
    const bytes = frame(FRAME.data, 0, 1, 'hello');
    let piece: Buffer | undefined;
    const log = new Log();
    log.onDataBytes = (data) => {
      piece = data;
    };
    new FrameReader(log, 16_384, false).feed(bytes);
    assert.equal(piece?.buffer, bytes.buffer);
  });

  const refused = [
    { name: 'a frame over the limit', bytes: frame(FRAME.ping, 0, 0, Buffer.alloc(16_385)) },
    { name: 'padding without its length', bytes: frame(FRAME.data, FLAG.padded, 1) },
    { name: 'padding over the frame', bytes: frame(FRAME.data, FLAG.padded, 1, '\x05abc') },
  ];
  for (const { name, bytes } of refused) {
    test(`refuses ${name}`, () => {
      assert.throws(() => read([bytes]), { name: 'MeshError' });
    });
  }

  test('refuses another preface at its first wrong byte', () => {
    assert.throws(() => read([Buffer.from('PRI * HTTP/1')], true), {
      code: 'http2-protocol-error',
    });
  });

  test('knows when something is unfinished that must come soon', () => {
    const reader = new FrameReader(new Log(), 16_384, true);
    assert.equal(reader.unfinished, true);
    reader.feed(PREFACE);
    assert.equal(reader.unfinished, false);
    reader.feed(frame(FRAME.data, 0, 1, 'hello').subarray(0, 10));
    assert.equal(reader.unfinished, false, 'data may take its time');
    reader.feed(Buffer.from('ello'));
    reader.feed(Buffer.alloc(3));
    assert.equal(reader.unfinished, true, 'some of a frame header');
  });
});
