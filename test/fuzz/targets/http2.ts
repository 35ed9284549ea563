import assert from 'node:assert/strict';
import { ManualClock } from '../../../runtime/clock.ts';
import { createHttp2Connection } from '../../../sidecar/http2/connection.ts';
import { PREFACE } from '../../../sidecar/http2/frame.ts';
import { headerField } from '../../../sidecar/http2/header-field.ts';
import type {
  ConnectionHandler,
  Http2Stream,
  StreamHandler,
} from '../../../sidecar/http2/types.ts';
import { endTurn } from '../../../sidecar/turn.ts';
import { frame, setting, uint32 } from '../../fakes/raw-http2-peer.ts';
import { MemoryTransport } from '../memory-transport.ts';
import { cut } from '../mutate.ts';
import type { FuzzTarget } from '../target.ts';

const OK = headerField(':status', '200');
const MAX_STREAMS = 8;
/** What a connection may answer besides: its own settings and GOAWAY, responses, pongs. */
const ANSWER_BYTES = 64 * 1024;
const MAX_STEPS = 100_000;

const [DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION] = [
  0, 1, 2, 3, 4, 6, 7, 8, 9,
] as const;
/** `GET / http` to `www.example.com`, and the same as POST. */
const GET = Buffer.from('828684418cf1e3c2e5f23a6ba0ab90f4ff', 'hex');
const POST = Buffer.from('838684418cf1e3c2e5f23a6ba0ab90f4ff', 'hex');
const BEGIN = Buffer.concat([PREFACE, frame(SETTINGS, 0, 0), frame(SETTINGS, 1, 0)]);

const seed = (...frames: readonly Buffer[]): Buffer => Buffer.concat([BEGIN, ...frames]);

/**
 * A server's connection of HTTP/2, and whatever a client may send: nothing but an end of
 * stream or connection may come of it, and the same however the bytes are cut.
 */
export const http2: FuzzTarget = {
  name: 'http2',
  seeds: [
    seed(frame(HEADERS, 5, 1, GET), frame(HEADERS, 5, 3, GET)),
    seed(frame(HEADERS, 4, 1, POST), frame(DATA, 0, 1, 'abc'), frame(DATA, 1, 1, 'def')),
    seed(frame(HEADERS, 0, 1, POST.subarray(0, 5)), frame(CONTINUATION, 4, 1, POST.subarray(5))),
    seed(
      frame(HEADERS, 0x2c, 1, Buffer.concat([Buffer.of(1, 0, 0, 0, 0, 15), POST, Buffer.of(0)])),
    ),
    seed(frame(HEADERS, 4, 1, POST), frame(DATA, 9, 1, [2, 97, 98, 0, 0])),
    seed(frame(HEADERS, 4, 1, POST), frame(RST_STREAM, 0, 1, uint32(8)), frame(HEADERS, 5, 3, GET)),
    seed(frame(HEADERS, 4, 1, POST), frame(HEADERS, 5, 1, Buffer.from('400161' + '0162', 'hex'))),
    seed(
      frame(SETTINGS, 0, 0, setting(4, 0)),
      frame(HEADERS, 5, 1, GET),
      frame(WINDOW_UPDATE, 0, 1, uint32(9)),
    ),
    seed(
      frame(PING, 0, 0, Buffer.alloc(8)),
      frame(PRIORITY, 0, 1, Buffer.alloc(5)),
      frame(GOAWAY, 0, 0, uint32(0, 0)),
    ),
    seed(
      frame(SETTINGS, 0, 0, setting(1, 0)),
      frame(HEADERS, 5, 1, GET),
      frame(SETTINGS, 0, 0, setting(1, 4096)),
    ),
  ],
  tokens: [
    ...[
      frame(HEADERS, 5, 1, GET),
      frame(HEADERS, 4, 3, POST),
      frame(DATA, 1, 1),
      frame(DATA, 0, 3, 'xyz'),
    ],
    ...[frame(RST_STREAM, 0, 1, uint32(8)), frame(WINDOW_UPDATE, 0, 0, uint32(1))],
    ...[frame(WINDOW_UPDATE, 0, 0, uint32(0x7fff_ffff)), frame(WINDOW_UPDATE, 0, 1, uint32(0))],
    ...[frame(SETTINGS, 0, 0, setting(4, 0x7fff_ffff)), frame(SETTINGS, 0, 0, setting(5, 16_384))],
    ...[frame(PING, 0, 0, Buffer.alloc(8)), frame(CONTINUATION, 4, 1), frame(42, 0, 1, 'abc')],
    ...[
      PREFACE,
      uint32(0),
      uint32(0xffff_ffff),
      uint32(1),
      Buffer.from('000000010500000001', 'hex'),
    ],
  ],
  run(bytes, random) {
    const whole = play([Buffer.from(bytes)]);
    const pieces = play(cut(bytes, random));
    assert.deepEqual(pieces.events, whole.events, 'in pieces');
    return whole.outcome;
  },
};

interface Play {
  /** What the owner was told, in order by stream. */
  readonly events: readonly string[];
  readonly outcome: string;
}

function play(pieces: readonly Buffer[]): Play {
  const transport = new MemoryTransport();
  const owner = new Owner();
  const connection = createHttp2Connection(
    transport,
    'server',
    { clock: new ManualClock(), settings: { maxConcurrentStreams: MAX_STREAMS } },
    owner,
  );
  transport.send(...pieces);
  transport.sendEnd();
  let steps = 0;
  while (transport.pump() && steps < MAX_STEPS) {
    steps += 1;
    assert.ok(connection.streamCount <= MAX_STREAMS, 'more streams than are allowed');
    // Within each answer is what the peer asked for, and it reads what we say.
    endTurn();
  }
  endTurn();
  assert.ok(steps < MAX_STEPS, 'no end');
  const received = pieces.reduce((sum, { length }) => sum + length, 0);
  assert.ok(transport.written.length <= ANSWER_BYTES + 4 * received, 'an answer out of proportion');
  return { events: owner.events(), outcome: owner.outcome };
}

/** Answers each request when it is whole. */
class Owner implements ConnectionHandler {
  readonly #streams: Recorded[] = [];
  #closed: string | undefined;

  get outcome(): string {
    const ends = new Set(this.#streams.map(({ end }) => end));
    return `${[...ends].sort().join(' ')} ${this.#closed ?? 'open'}`;
  }

  events(): string[] {
    const streams = this.#streams.map(
      ({ id, heads, body, end }) => `${id} ${heads} ${body} ${end}`,
    );
    return [...streams, `closed ${this.#closed}`];
  }

  onStream(stream: Http2Stream, fields: readonly unknown[], endStream: boolean): StreamHandler {
    assert.equal(this.#closed, undefined, 'a request after the end');
    const recorded = new Recorded(stream, fields.length);
    this.#streams.push(recorded);
    if (endStream) recorded.answer();
    return recorded;
  }

  onClose(error: { readonly code: string } | undefined): void {
    assert.equal(this.#closed, undefined, 'closed twice');
    this.#closed = error?.code ?? 'cleanly';
  }
}

class Recorded implements StreamHandler {
  readonly id: number;
  readonly heads: string[];
  body = '';
  end = 'open';
  readonly #stream: Http2Stream;
  #remoteEnded = false;

  constructor(stream: Http2Stream, fields: number) {
    this.#stream = stream;
    this.id = stream.id;
    this.heads = [String(fields)];
  }

  answer(): void {
    this.#remoteEnded = true;
    this.#stream.sendHeaders([OK], false);
    this.#stream.sendData(Buffer.from('ok'), true);
  }

  onHeaders(fields: readonly unknown[], endStream: boolean): void {
    this.#told();
    this.heads.push(String(fields.length));
    if (endStream) this.answer();
  }

  onData(bytes: Buffer, endStream: boolean): void {
    this.#told();
    this.body += bytes.toString('latin1');
    this.#stream.consumed(bytes.length);
    if (endStream) this.answer();
  }

  onWritable(): void {}

  onClose({ kind }: { readonly kind: string }): void {
    assert.equal(this.end, 'open', 'a stream was told its end twice');
    this.end = kind;
  }

  #told(): void {
    assert.ok(!this.#remoteEnded, 'something after the end of a request');
    assert.equal(this.end, 'open', 'something after the end of a stream');
  }
}
