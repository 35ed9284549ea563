import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Clock, ManualClock } from '../../runtime/clock.ts';
import { createHttp2Connection, type Http2Options } from '../../sidecar/http2/connection.ts';
import { FLAG, FRAME, PREFACE } from '../../sidecar/http2/frame.ts';
import { type HeaderField, literalField } from '../../sidecar/http2/header-field.ts';
import { HpackDecoder } from '../../sidecar/http2/hpack-decoder.ts';
import { HpackEncoder } from '../../sidecar/http2/hpack-encoder.ts';
import type { ConnectionHandler, Http2Connection } from '../../sidecar/http2/types.ts';
import type { Peer, Transport, TransportHandler } from '../../sidecar/transport.ts';

export interface RawFrame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

export function frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Buffer | string | readonly number[] = '',
): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : Buffer.from(payload);
  const head = Buffer.alloc(9);
  head.writeUIntBE(body.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, body]);
}

export function uint32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, i) => {
    bytes.writeUInt32BE(value >>> 0, i * 4);
  });
  return bytes;
}

export function setting(id: number, value: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16BE(id, 0);
  bytes.writeUInt32BE(value, 2);
  return bytes;
}

export function parseFrames(bytes: Buffer): RawFrame[] {
  const frames: RawFrame[] = [];
  for (let at = 0; at + 9 <= bytes.length; ) {
    const length = bytes.readUIntBE(at, 3);
    frames.push({
      type: bytes[at + 3] as number,
      flags: bytes[at + 4] as number,
      streamId: bytes.readUInt32BE(at + 5),
      payload: bytes.subarray(at + 9, at + 9 + length),
    });
    at += 9 + length;
  }
  return frames;
}

/** A transport whose other end is the test. */
export class TestTransport implements Transport {
  readonly peer: Peer = {
    address: '127.0.0.1',
    port: 1,
    identity: undefined,
    workload: undefined,
  };
  handler: TransportHandler | undefined;
  readonly written: Buffer[] = [];
  /** What `write` answers. */
  takes = true;
  paused = true;
  ended = false;
  destroyed = false;
  unsentBytes = 0;

  attach(handler: TransportHandler): void {
    this.handler = handler;
  }

  write(bytes: Buffer): boolean {
    // Memory of the writer is used again: what was written counts, not what is there later.
    this.written.push(Buffer.from(bytes));
    return this.takes;
  }

  end(): void {
    this.ended = true;
  }

  destroy(error?: Error): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.handler?.onClose(error);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }
}

/**
 * The other end of a connection of ours, frame by frame: it may say what no real peer
 * would.
 */
export class RawHttp2Peer {
  readonly clock = new ManualClock();
  readonly transport = new TestTransport();
  readonly connection: Http2Connection;
  readonly #encoder = new HpackEncoder();
  readonly #decoder = new HpackDecoder({ maxHeaderListBytes: 1 << 20, maxHeaderFields: 1000 });
  #skip: number;

  constructor(
    role: 'client' | 'server',
    handler: ConnectionHandler,
    options: Partial<Http2Options> & { clock?: Clock } = {},
  ) {
    this.#skip = role === 'client' ? PREFACE.length : 0;
    this.connection = createHttp2Connection(
      this.transport,
      role,
      { clock: this.clock, ...options },
      handler,
    );
  }

  /** Preface, SETTINGS and its acknowledgement, as an honest peer begins. */
  begin(settings: Buffer = Buffer.alloc(0)): this {
    if (this.#skip === 0) this.send(PREFACE);
    this.send(frame(FRAME.settings, 0, 0, settings));
    this.send(frame(FRAME.settings, FLAG.ack, 0));
    return this;
  }

  send(...bytes: Buffer[]): void {
    for (const part of bytes) {
      if (!this.transport.destroyed) this.transport.handler?.onData(part);
    }
  }

  headers(
    streamId: number,
    fields: readonly (readonly [string, string] | HeaderField)[],
    flags: number = FLAG.endHeaders | FLAG.endStream,
  ): void {
    this.send(frame(FRAME.headers, flags, streamId, this.block(fields)));
  }

  /** A GET of `/`. */
  get(streamId: number): void {
    this.headers(streamId, REQUEST);
  }

  block(fields: readonly (readonly [string, string] | HeaderField)[]): Buffer {
    const list = fields.map((field) => ('name' in field ? field : literalField(...field)));
    const target = Buffer.alloc(this.#encoder.limitOf(list));
    return target.subarray(0, this.#encoder.encode(list, target, 0));
  }

  decode(block: Buffer): [string, string][] {
    const fields = this.#decoder.decode(block, 0, block.length) ?? [];
    return fields.map(({ name, value }) => [name, value]);
  }

  /** All that was written until the end of this turn. */
  async frames(): Promise<RawFrame[]> {
    await nextTurn();
    await nextTurn();
    return parseFrames(Buffer.concat(this.transport.written).subarray(this.#skip));
  }

  async framesOf(type: number): Promise<RawFrame[]> {
    return (await this.frames()).filter((sent) => sent.type === type);
  }

  /** The code of our GOAWAY; undefined when there was none. */
  async goawayCode(): Promise<number | undefined> {
    return (await this.framesOf(FRAME.goaway)).at(-1)?.payload.readUInt32BE(4);
  }
}

export const REQUEST: readonly (readonly [string, string])[] = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'svc.test'],
];
