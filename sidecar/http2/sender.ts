import type { Transport } from '../transport.ts';
import { type Flushable, flushCodecAtTurnEnd } from '../turn.ts';
import { flowControlError } from './error-code.ts';
import type { FloodLimits } from './flood-limits.ts';
import {
  DEFAULT_MAX_FRAME_BYTES,
  DEFAULT_WINDOW_BYTES,
  FLAG,
  FRAME,
  FRAME_HEADER_BYTES,
  MAX_WINDOW_BYTES,
  PREFACE,
} from './frame.ts';
import type { HeaderField } from './header-field.ts';
import { HpackEncoder } from './hpack-encoder.ts';
import { Output } from './output.ts';
import { ReadyRing } from './ready-ring.ts';
import { SendQueue } from './send-queue.ts';
import type { Stream } from './stream.ts';

/** What a stream may have queued before its owner is asked to wait. */
const STREAM_QUEUE_BYTES = 64 * 1024;
/** With its header as long as a record of TLS, so that the peer reads a frame in one piece. */
const DATA_FRAME_BYTES = DEFAULT_MAX_FRAME_BYTES - FRAME_HEADER_BYTES;
/** Data that one turn gathers for one connection; the rest takes its turns in the next. */
const TURN_BYTES = 256 * 1024;
/** Answers to the peer's frames that wait because it does not read. */
const CONTROL_QUEUE_BYTES = 16 * 1024;
/** Anything at all that waits because it does not read; then we do not read either. */
const BLOCKED_OUTPUT_BYTES = 256 * 1024;

export interface SenderOwner {
  /** END_STREAM went out. */
  onLocalEnd(stream: Stream): void;
  /** Something waits for the peer from now on. */
  onWaiting(): void;
}

/**
 * The sending half of a connection: writes frames, and decides when DATA may go, by
 * the windows of stream and connection and by what the transport takes.
 */
export class Sender implements Flushable {
  readonly #transport: Transport;
  readonly #owner: SenderOwner;
  readonly #limits: FloodLimits;
  readonly #maxQueuedBytes: number;
  readonly #output: Output;
  readonly #encoder = new HpackEncoder();
  readonly #ready = new ReadyRing();
  #window: number = DEFAULT_WINDOW_BYTES;
  /** Of all streams. */
  #queuedBytes = 0;
  #moves = 0;
  #maxFrameBytes = DEFAULT_MAX_FRAME_BYTES;
  #maxDataBytes = DATA_FRAME_BYTES;
  #scheduled = false;
  /** The transport asked to wait. */
  #blocked = false;
  /** Of what waits while we are blocked, the answers. */
  #controlBytes = 0;
  #pausedReading = false;
  #stopped = false;

  constructor(
    transport: Transport,
    owner: SenderOwner,
    limits: FloodLimits,
    maxQueuedBytes: number,
  ) {
    this.#transport = transport;
    this.#output = new Output(transport);
    this.#owner = owner;
    this.#limits = limits;
    this.#maxQueuedBytes = maxQueuedBytes;
  }

  /** Data of all streams that waits for the peer. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** The peer takes nothing, or has not for a while: frames wait. */
  get blocked(): boolean {
    return this.#blocked;
  }

  /** Changes whenever the peer took something; it goes round at 2^30. */
  get moves(): number {
    return this.#moves;
  }

  /** What the transport holds still; undefined when it does not say. */
  get unsentBytes(): number | undefined {
    return this.#transport.unsentBytes;
  }

  /** The peer asks for more answers than it reads. */
  get flooded(): boolean {
    return this.#controlBytes > CONTROL_QUEUE_BYTES;
  }

  // Control frames.

  preface(): void {
    this.#output.reserve(PREFACE.length);
    this.#output.writeBytes(PREFACE, 0, PREFACE.length);
    this.#schedule();
  }

  settings(settings: readonly (readonly [id: number, value: number])[]): void {
    this.#control(settings.length * 6, FRAME.settings, 0, 0);
    for (const [id, value] of settings) {
      this.#output.writeUint16(id);
      this.#output.writeUint32(value);
    }
  }

  settingsAck(): void {
    this.#control(0, FRAME.settings, FLAG.ack, 0);
  }

  /** `payload` has eight bytes from `from`. */
  ping(payload: Buffer, from: number, ack: boolean): void {
    this.#control(8, FRAME.ping, ack ? FLAG.ack : 0, 0);
    this.#output.writeBytes(payload, from, from + 8);
  }

  windowUpdate(streamId: number, increment: number): void {
    this.#control(4, FRAME.windowUpdate, 0, streamId);
    this.#output.writeUint32(increment);
  }

  resetStream(streamId: number, code: number): void {
    this.#control(4, FRAME.resetStream, 0, streamId);
    this.#output.writeUint32(code);
  }

  goaway(lastStreamId: number, code: number): void {
    this.#output.beginFrame(8, FRAME.goaway, 0, 0);
    this.#output.writeUint32(lastStreamId);
    this.#output.writeUint32(code);
    this.#schedule();
  }

  #control(length: number, type: number, flags: number, streamId: number): void {
    this.#output.beginFrame(length, type, flags, streamId);
    this.#schedule();
    if (this.#blocked) this.#controlBytes += FRAME_HEADER_BYTES + length;
  }

  // Streams.

  headers(stream: Stream, fields: readonly HeaderField[], endStream: boolean): void {
    const { queue } = stream;
    if (queue !== undefined) {
      if (!queue.ended) queue.trailers = fields;
      queue.ended = true;
      return;
    }
    this.#writeHeaders(stream.id, fields, endStream);
    if (endStream) this.#end(stream);
  }

  /** The head of a message that is nothing but a head, on a stream that never became open. */
  headersOnly(streamId: number, fields: readonly HeaderField[]): void {
    this.#writeHeaders(streamId, fields, true);
  }

  data(stream: Stream, bytes: Buffer, endStream: boolean): boolean {
    const { length } = bytes;
    if (stream.queue !== undefined) {
      if (stream.queue.ended) return true;
      if (length > 0) return this.#enqueue(stream, stream.queue, bytes, endStream);
      stream.queue.ended = endStream;
      return true;
    }
    const from = this.#ready.empty || length === 0 ? this.#writeNow(stream, bytes, endStream) : 0;
    if (from < length) {
      const queue = new SendQueue();
      stream.queue = queue;
      return this.#enqueue(stream, queue, from === 0 ? bytes : bytes.subarray(from), endStream);
    }
    if (endStream) this.#end(stream);
    return true;
  }

  #enqueue(stream: Stream, queue: SendQueue, bytes: Buffer, endStream: boolean): boolean {
    queue.push(bytes);
    queue.ended = endStream;
    if (this.#queuedBytes === 0) this.#owner.onWaiting();
    this.#queuedBytes += bytes.length;
    if (stream.sendWindow > 0) this.#ready.add(stream);
    if (queue.bytes <= STREAM_QUEUE_BYTES && this.#queuedBytes <= this.#maxQueuedBytes) return true;
    queue.awaited = true;
    return false;
  }

  /** A stream is over: what it had queued is dropped. */
  forget(stream: Stream): void {
    if (stream.queue === undefined) return;
    this.#queuedBytes -= stream.queue.bytes;
    stream.queue = undefined;
    this.#ready.remove(stream);
  }

  // What the peer allows.

  setEncoderLimit(tableBytes: number): void {
    this.#encoder.limitTable(tableBytes);
  }

  setMaxFrameBytes(bytes: number): void {
    // Larger frames gain nothing, and would let one stream hold up others.
    this.#maxFrameBytes = Math.min(bytes, DEFAULT_MAX_FRAME_BYTES);
    this.#maxDataBytes = Math.min(this.#maxFrameBytes, DATA_FRAME_BYTES);
  }

  /** @throws ConnectionError when the window grows over its maximum */
  widen(increment: number): void {
    if (this.#window + increment > MAX_WINDOW_BYTES) {
      throw flowControlError('the window of the connection grows over its maximum');
    }
    this.#window += increment;
    this.#pump();
  }

  /** False when the window grows over its maximum. The increment is negative when a setting shrinks it. */
  widenStream(stream: Stream, increment: number): boolean {
    if (stream.sendWindow + increment > MAX_WINDOW_BYTES) return false;
    stream.sendWindow += increment;
    if (stream.sendWindow <= 0) {
      this.#ready.remove(stream);
    } else if (stream.queue !== undefined) {
      this.#ready.add(stream);
      this.#pump();
    }
    return true;
  }

  // The transport.

  flush(): void {
    this.#scheduled = false;
    if (this.#stopped || this.#output.pendingBytes === 0) return;
    if (this.#blocked) {
      if (this.#output.pendingBytes > BLOCKED_OUTPUT_BYTES && !this.#pausedReading) {
        this.#pausedReading = true;
        this.#transport.pause();
      }
      return;
    }
    this.#blocked = !this.#output.flush();
    if (this.#blocked) this.#owner.onWaiting();
    this.#pump();
  }

  onDrain(): void {
    if (this.#stopped) return;
    this.#blocked = false;
    this.#controlBytes = 0;
    this.#output.reclaim();
    this.#moves = (this.#moves + 1) & 0x3fff_ffff;
    if (this.#pausedReading) {
      this.#pausedReading = false;
      this.#transport.resume();
    }
    if (this.#output.pendingBytes > 0) this.#schedule();
    this.#pump();
  }

  /** Everything gathered goes to the transport, whether it asked to wait or not; nothing follows. */
  finish(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#output.flush();
  }

  /** What was gathered is dropped. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#output.discard();
  }

  #schedule(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    flushCodecAtTurnEnd(this);
  }

  /** There is room in this turn's output, and the transport takes it. */
  get #takesData(): boolean {
    return !this.#blocked && !this.#stopped && this.#output.pendingBytes < TURN_BYTES;
  }

  /** Writes what the windows allow at once; returns how far it came. */
  #writeNow(stream: Stream, bytes: Buffer, endStream: boolean): number {
    const { length } = bytes;
    let from = 0;
    if (length === 0) {
      if (endStream) this.#writeDataHeader(stream, 0, true);
      return 0;
    }
    while (from < length && this.#takesData) {
      const count = Math.min(length - from, stream.sendWindow, this.#window, this.#maxDataBytes);
      if (count <= 0) break;
      const to = from + count;
      this.#writeDataHeader(stream, count, endStream && to === length);
      this.#output.writeBytes(bytes, from, to);
      from = to;
    }
    return from;
  }

  /** Frames from the queues, one a stream in turn, as long as there is window and room. */
  #pump(): void {
    while (!this.#ready.empty && this.#window > 0 && this.#takesData) {
      const stream = this.#ready.take() as Stream;
      if (stream.queue !== undefined) this.#writeQueued(stream, stream.queue);
    }
  }

  #writeQueued(stream: Stream, queue: SendQueue): void {
    const count = Math.min(queue.bytes, stream.sendWindow, this.#window, this.#maxDataBytes);
    const last = count === queue.bytes;
    const { trailers, ended } = queue;
    this.#writeDataHeader(stream, count, last && ended && trailers === undefined);
    queue.take(count, this.#output.bytes, this.#output.at);
    this.#queuedBytes -= count;
    this.#output.at += count;
    if (last) stream.queue = undefined;
    else if (stream.sendWindow > 0) this.#ready.add(stream);
    if (last && ended) {
      if (trailers !== undefined) this.#writeHeaders(stream.id, trailers, true);
      this.#end(stream);
    } else if (queue.awaited && queue.bytes <= STREAM_QUEUE_BYTES / 2) {
      queue.awaited = false;
      if (!ended) stream.handler?.onWritable();
    }
  }

  #end(stream: Stream): void {
    stream.localEnded = true;
    this.#owner.onLocalEnd(stream);
  }

  #writeDataHeader(stream: Stream, count: number, endStream: boolean): void {
    this.#output.beginFrame(count, FRAME.data, endStream ? FLAG.endStream : 0, stream.id);
    stream.sendWindow -= count;
    this.#window -= count;
    if (count > 0) {
      this.#limits.dataMoved(count);
      this.#moves = (this.#moves + 1) & 0x3fff_ffff;
    }
    this.#schedule();
  }

  #writeHeaders(streamId: number, fields: readonly HeaderField[], endStream: boolean): void {
    const output = this.#output;
    output.reserve(FRAME_HEADER_BYTES + this.#encoder.limitOf(fields));
    const start = output.at;
    const block = start + FRAME_HEADER_BYTES;
    const end = this.#encoder.encode(fields, output.bytes, block);
    const flags = endStream ? FLAG.endStream : 0;
    this.#schedule();
    if (end - block <= this.#maxFrameBytes) {
      output.writeFrameHeader(start, end - block, FRAME.headers, flags | FLAG.endHeaders, streamId);
      output.at = end;
      return;
    }
    this.#splitHeaders(Buffer.from(output.bytes.subarray(block, end)), streamId, flags);
  }

  /** A block that is too long for one frame goes on in CONTINUATION frames. */
  #splitHeaders(block: Buffer, streamId: number, flags: number): void {
    for (let from = 0; from < block.length; ) {
      const to = Math.min(from + this.#maxFrameBytes, block.length);
      const frameFlags = (from === 0 ? flags : 0) | (to === block.length ? FLAG.endHeaders : 0);
      const type = from === 0 ? FRAME.headers : FRAME.continuation;
      this.#output.beginFrame(to - from, type, frameFlags, streamId);
      this.#output.writeBytes(block, from, to);
      from = to;
    }
  }
}
