import { MeshError } from '../../runtime/errors.ts';
import { ERROR_CODE } from '../http2/error-code.ts';
import type { HeaderField } from '../http2/header-field.ts';
import type { Http2Stream, StreamEnd, StreamHandler } from '../http2/types.ts';
import { ReceivingTransport } from '../receiving-transport.ts';
import type { Peer } from '../transport.ts';

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
export class StreamTransport extends ReceivingTransport implements StreamHandler {
  #stream: Http2Stream | undefined;
  #carrier: Carrier | undefined;
  #opener: StreamOpener | undefined;
  /** Written before the answer. */
  #early: Buffer[] = [];
  #endSent = false;
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
    if (this.#endSent) stream.sendData(NOTHING, true);
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
      this.#endSent ||
      this.#carrier?.retiring === true
    );
  }

  write(bytes: Buffer): boolean {
    this.bytesWritten += bytes.length;
    if (this.#opener !== undefined) {
      this.#early.push(bytes);
      this.#stream?.sendData(bytes, false);
      // What is kept for another stream has to stay small.
      return false;
    }
    if (this.#over || this.#endSent || this.#stream === undefined) return true;
    return this.#stream.sendData(bytes, false);
  }

  end(): void {
    if (this.#endSent || this.#destroyed || this.closeTold) return;
    this.#endSent = true;
    if (!this.#over) this.#stream?.sendData(NOTHING, true);
  }

  destroy(error?: Error): void {
    if (this.#destroyed || this.closeTold) return;
    this.#destroyed = true;
    this.stop();
    this.#opener?.onCancel();
    this.#opener = undefined;
    // A reset with no error would look like a clean end to the peer.
    if (!this.#over) this.#stream?.reset(ERROR_CODE.cancel);
    this.#over = true;
    process.nextTick(() => this.broken(error));
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
      const waits = this.#early.length > 0;
      this.#early = [];
      if (endStream) this.receivedEnd();
      if (waits) this.writable();
      return;
    }
    // When both sides have ended, nobody has to count a reset.
    if (endStream && !this.#endSent) this.#stream?.sendData(NOTHING, true);
    else if (!endStream) this.#stream?.reset(ERROR_CODE.cancel);
    this.#over = true;
    this.broken(refusal);
  }

  onData(bytes: Buffer, endStream: boolean): void {
    if (this.#over) return;
    if (bytes.length > 0) this.received(bytes);
    if (endStream) this.receivedEnd();
  }

  onWritable(): void {
    if (this.#opener === undefined) this.writable();
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
