import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { RecordedStream } from '../../test/fakes/http2-connections.ts';
import {
  frame,
  type RawFrame,
  RawHttp2Peer,
  REQUEST,
  setting,
  uint32,
} from '../../test/fakes/raw-http2-peer.ts';
import { FRAME, PREFACE, SETTING } from './frame.ts';
import { headerField, literalField } from './header-field.ts';
import type { ConnectionHandler, Http2Stream, StreamHandler } from './types.ts';

const OK = headerField(':status', '200');
const TRAILER = headerField('x-trailer', 'a');

/** Takes what comes, and does something with streams as the numbers say. */
class Owner implements ConnectionHandler {
  readonly streams: RecordedStream[] = [];
  closes = 0;

  onStream(stream: Http2Stream): StreamHandler {
    const recorded = new RecordedStream();
    recorded.stream = stream;
    this.streams.push(recorded);
    // Streams whose handler answers, resets or waits at once.
    if (stream.id % 3 === 1) stream.sendHeaders([OK], stream.id % 2 === 0);
    if (stream.id % 7 === 0) stream.reset(8);
    return recorded;
  }

  act(number: number): void {
    const { stream } = this.streams[number % Math.max(this.streams.length, 1)] ?? {};
    if (stream === undefined) return;
    switch (number % 5) {
      case 0:
        stream.sendHeaders([OK], false);
        break;
      case 1:
        stream.sendData(Buffer.alloc(number % 50_000), number % 2 === 0);
        break;
      case 2:
        stream.sendHeaders([TRAILER], true);
        break;
      case 3:
        stream.consumed(number);
        break;
      default:
        stream.reset(number % 14);
    }
  }

  onClose(): void {
    this.closes += 1;
  }
}

const blocks = new RawHttp2Peer('server', { onClose: () => {} });
const BLOCKS = [
  blocks.block(REQUEST),
  blocks.block(REQUEST.map((field) => literalField(...field))),
  blocks.block([[':status', '200']]),
  blocks.block([['x-trailer', 'a']]),
  blocks.block([
    [':status', '200'],
    ['content-length', '10'],
  ]),
];

const payload = fc.oneof(
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  fc.constantFrom(...BLOCKS),
  fc.constantFrom(0, 1, 2, 1000, 65_535, 0x7fff_ffff).map((value) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  }),
  fc.constantFrom(0, 4, 5, 6, 8, 12, 1000).map((length) => Buffer.alloc(length)),
);

const anyFrame = fc
  .tuple(
    fc.oneof(fc.integer({ min: 0, max: 10 }), fc.constantFrom(0, 1, 1, 1, 8, 3)),
    fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(0, 1, 4, 5, 5)),
    fc.constantFrom(0, 1, 1, 2, 3, 3, 5, 7, 9, 11, 0x7fff_ffff),
    payload,
  )
  .map(([type, flags, streamId, bytes]) => frame(type, flags, streamId, bytes));

const anyBytes = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes));

/** A frame that may be right, on one of the streams that were opened last. */
type Plausible = readonly [kind: number, stream: number, value: number];

const plausible: fc.Arbitrary<Plausible> = fc.tuple(
  fc.integer({ min: 0, max: 9 }),
  fc.integer({ min: 0, max: 5 }),
  fc.constantFrom(1, 5, 100, 5_000, 16_384, 70_000),
);

type Step = number | Buffer | Plausible;

/** What the peer sends and the owners do, in some order. */
const script: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof<fc.WeightedArbitrary<Step>[]>(
    { weight: 240, arbitrary: plausible },
    { weight: 80, arbitrary: fc.nat(100_000) },
    { weight: 2, arbitrary: anyFrame },
    { weight: 1, arbitrary: anyBytes },
  ),
  { maxLength: 100, size: 'max' },
);

/** Of a server's peer, which opens streams, or a client's, which answers them. */
class PlausiblePeer {
  readonly #role: 'client' | 'server';
  #nextId = 1;
  readonly #ended = new Set<number>();

  constructor(role: 'client' | 'server') {
    this.#role = role;
  }

  frameOf([kind, stream, value]: Plausible): Buffer {
    if (this.#role === 'server' && (kind < 3 || this.#nextId === 1)) {
      this.#nextId += 2;
      return this.#ending(FRAME.headers, 4, this.#nextId - 2, value, BLOCKS[1]);
    }
    const id =
      this.#role === 'server' ? Math.max(this.#nextId - 2 - 2 * stream, 1) : 1 + 2 * stream;
    if (this.#ended.has(id) && kind !== 3) return frame(FRAME.windowUpdate, 0, id, uint32(value));
    switch (kind) {
      case 0:
      case 1:
        return this.#ending(FRAME.headers, 4, id, value, BLOCKS[2]);
      case 2:
        return this.#ending(FRAME.headers, 5, id, 1, BLOCKS[3]);
      case 3:
      case 4:
        return this.#ending(FRAME.data, 0, id, value, Buffer.alloc(value % 16_385));
      case 5:
        return frame(FRAME.windowUpdate, 0, id, uint32(value));
      case 6:
        return frame(FRAME.windowUpdate, 0, 0, uint32(value));
      case 7:
        return this.#ending(FRAME.resetStream, 0, id, 1, uint32(8));
      case 8:
        return frame(FRAME.settings, 0, 0, setting(SETTING.initialWindowSize, value));
      default:
        return this.#ending(FRAME.headers, 5, id, 1, BLOCKS[3]);
    }
  }

  /** An odd number ends the stream. */
  #ending(type: number, flags: number, id: number, value: number, payload?: Buffer): Buffer {
    if (value % 2 === 1) this.#ended.add(id);
    return frame(type, flags | (value % 2), id, payload);
  }
}

/** An honest beginning, then anything. */
async function run(role: 'client' | 'server', steps: readonly Step[], cut: number): Promise<void> {
  const owner = new Owner();
  const peer = new RawHttp2Peer(role, owner);
  if (role === 'server') peer.send(PREFACE);
  peer.send(frame(FRAME.settings, 0, 0));
  if (role === 'client') {
    for (let i = 0; i < 6; i++) {
      const recorded = new RecordedStream();
      const fields = REQUEST.map((field) => headerField(...field));
      recorded.stream = peer.connection.open(fields, i % 2 === 0, recorded);
      owner.streams.push(recorded);
    }
  }
  const plausiblePeer = new PlausiblePeer(role);
  let sent = 0;
  for (const step of steps) {
    if (typeof step === 'number') {
      owner.act(step);
      continue;
    }
    const bytes = Buffer.isBuffer(step) ? step : plausiblePeer.frameOf(step as Plausible);
    sent += bytes.length;
    peer.send(bytes.subarray(0, cut), bytes.subarray(cut));
  }
  const frames = await peer.frames();
  const control = frames.filter(({ type }) => type !== FRAME.data && type !== FRAME.headers);
  assert.ok(control.length <= sent / 9 + 20, 'answers are in proportion to what came');
  checkOutput(frames);
  peer.transport.handler?.onEnd();
  peer.clock.advance(100_000);
  assert.equal(owner.closes, 1, 'the owner is told once');
  for (const { stream } of owner.streams) assert.equal(stream?.closed, true);
  assert.equal(peer.connection.streamCount, 0);
}

/** On each stream, nothing follows its end or reset. */
function checkOutput(frames: readonly RawFrame[]): void {
  const over = new Set<number>();
  for (const { type, flags, streamId } of frames) {
    if (type === FRAME.data || type === FRAME.headers) {
      assert.ok(!over.has(streamId), `a frame on stream ${streamId} after its end`);
      if ((flags & 1) !== 0) over.add(streamId);
    } else if (type === FRAME.resetStream) {
      over.add(streamId);
    }
  }
}

describe('whatever a peer sends', () => {
  for (const role of ['server', 'client'] as const) {
    test(`a ${role} ends in order, and answers no more than it is asked`, async () => {
      await fc.assert(
        fc.asyncProperty(script, fc.integer({ min: 0, max: 12 }), (steps, cut) =>
          run(role, steps, cut),
        ),
        { numRuns: 700 },
      );
    });
  }

  test('bytes that are not HTTP/2 end the connection at once', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 24, maxLength: 100 }), (bytes) => {
        fc.pre(!Buffer.from(bytes).subarray(0, 24).equals(PREFACE));
        const owner = new Owner();
        new RawHttp2Peer('server', owner).send(Buffer.from(bytes));
        assert.equal(owner.closes, 1);
      }),
    );
  });
});
