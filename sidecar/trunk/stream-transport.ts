import { MeshError } from '../../runtime/errors.ts';
import { BatchingTransport } from '../batching-transport.ts';
import { ERROR_CODE } from '../http2/error-code.ts';
import type { HeaderField } from '../http2/header-field.ts';
import type { Http2Stream, StreamEnd, StreamHandler } from '../http2/types.ts';
import type { Peer } from '../transport.ts';
import { flushCodecAtTurnEnd } from '../turn.ts';

/** The connection that a stream rides on. */
export interface Carrier {
  /** It takes no new streams, and closes with the last. */
  readonly retiring: boolean;
}

/** Whoever asked for a stream, until the peer has answered. */
export interface StreamOpener {
  /** A reason refuses: then the transport ends with it. */
  onAnswer(fields: readonly HeaderField[]): MeshError | undefined;
  /**
   * The stream is over without an answer. Undefined when another one will be
   * brought with `ride`, else why none will.
   */
  onLost(end: StreamEnd): MeshError | undefined;
  /** The transport was destroyed. */
  onCancel(): void;
}

const NOTHING: Buffer = Buffer.alloc(0);

/**
 * A transport over a stream of an HTTP/2 connection.
 *
 * Bytes are credited to the peer when the handler took them, so while it is paused
 * the peer can send one window and no more; they wait here.
 *
 * A transport that we open may be written to before the peer has answered. What
 * was written is kept until then, so that it can go onto another stream when the
 * peer did not look at the first.
 */
export class StreamTransport extends BatchingTransport implements StreamHandler {
  #stream: Http2Stream | undefined;
  #carrier: Carrier | undefined;
  #opener: StreamOpener | undefined;
  /** Written before the answer. */
  #early: Buffer[] = [];
  #earlyEnd = false;
  /** The stream is no more; what was received may still wait. */
  #over = false;
  #destroyed = false;

  /** @param opener of a stream that we ask for; a stream that the peer opened has none */
  constructor(peer: Peer, opener?: StreamOpener) {
    super(peer);
    this.#opener = opener;
  }

  /** To be called once, and again when a stream was lost before its answer. */
  ride(stream: Http2Stream, carrier: Carrier | undefined): void {
    this.#stream = stream;
    this.#carrier = carrier;
    for (const bytes of this.#early) stream.sendData(bytes, false);
    if (this.#earlyEnd) stream.sendData(NOTHING, true);
  }

  /** There will be no stream, or no answer. */
  fail(error: MeshError): void {
    if (this.#destroyed || this.closeTold) return;
    this.#opener = undefined;
    if (!this.#over) this.#stream?.reset(ERROR_CODE.cancel);
    this.#over = true;
    this.broken(error);
  }

  get finished(): boolean {
    return (
      this.#over ||
      this.#destroyed ||
      this.closed ||
      this.endReceived ||
      this.endSent ||
      this.#carrier?.retiring === true
    );
  }

  override write(bytes: Buffer): boolean {
    const more = super.write(bytes);
    // What is kept for another stream has to stay small.
    return more && this.#opener === undefined;
  }

  destroy(error?: Error): void {
    if (this.#destroyed || this.closeTold) return;
    this.#destroyed = true;
    // Who has not answered yet need not hear of it.
    if (error === undefined || this.#opener !== undefined) this.stop();
    else this.stopAfterFlush();
    this.#opener?.onCancel();
    this.#opener = undefined;
    // A reset with no error would look like a clean end to the peer.
    if (!this.#over) this.#stream?.reset(ERROR_CODE.cancel);
    this.#over = true;
    process.nextTick(() => this.broken(error));
  }

  protected schedule(): void {
    flushCodecAtTurnEnd(this);
  }

  protected send(pieces: readonly Buffer[], last: boolean): boolean {
    if (this.#opener !== undefined) {
      this.#early.push(...pieces);
      this.#earlyEnd = last;
    }
    const stream = this.#stream;
    if (stream === undefined || this.#over) return true;
    let more = true;
    const end = pieces.length - 1;
    for (let i = 0; i <= end; i++) more = stream.sendData(pieces[i] as Buffer, last && i === end);
    return more;
  }

  protected sendEnd(): void {
    if (this.#opener !== undefined) this.#earlyEnd = true;
    if (!this.#over) this.#stream?.sendData(NOTHING, true);
  }

  protected onTaken(bytes: number): void {
    if (!this.#over) this.#stream?.consumed(bytes);
  }

  protected onFlowing(): void {}

  protected onHeld(): void {}

  // From the stream.

  onHeaders(fields: readonly HeaderField[], endStream: boolean): void {
    const opener = this.#opener;
    if (opener === undefined) {
      // After the answer a CONNECT stream carries data alone (RFC 9113 §8.5).
      this.#stream?.reset(ERROR_CODE.protocolError);
      this.onClose({ kind: 'reset', code: ERROR_CODE.protocolError });
      return;
    }
    if (isInterim(fields)) return;
    this.#opener = undefined;
    const refusal = opener.onAnswer(fields);
    if (refusal === undefined) {
      this.#early = [];
      if (endStream) this.receivedEnd();
      this.writable();
      return;
    }
    // When both sides have ended, nobody has to count a reset.
    this.stop();
    if (endStream) this.#stream?.sendData(NOTHING, true);
    else this.#stream?.reset(ERROR_CODE.cancel);
    this.#over = true;
    this.broken(refusal);
  }

  onData(bytes: Buffer, endStream: boolean): void {
    if (this.#over) return;
    if (bytes.length > 0) this.received(bytes);
    if (endStream) this.receivedEnd();
  }

  onWritable(): void {
    if (this.#opener === undefined) this.drained();
  }

  onClose(end: StreamEnd): void {
    if (this.#over) return;
    const opener = this.#opener;
    if (opener !== undefined) {
      this.#stream = undefined;
      const error = opener.onLost(end);
      if (error !== undefined) this.fail(error);
      return;
    }
    this.#over = true;
    if (end.kind === 'complete') {
      // Possibly in the midst of our own `end`, whose caller is not done yet.
      process.nextTick(() => this.closedCleanly());
      return;
    }
    const cause = end.kind === 'lost' ? end.error : undefined;
    this.broken(new MeshError('connection-reset', 'the peer cut the connection', { cause }));
  }
}

function isInterim(fields: readonly HeaderField[]): boolean {
  return fields[0]?.name === ':status' && fields[0].value.startsWith('1');
}
