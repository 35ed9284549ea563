import type { Clock, Timer } from '../../runtime/clock.ts';
import { MeshError } from '../../runtime/errors.ts';
import type { Transport, TransportHandler } from '../transport.ts';
import { ConnectionError, ERROR_CODE } from './error-code.ts';
import { MAX_STREAM_ID } from './frame.ts';
import { FrameReader } from './frame-reader.ts';
import type { HeaderField } from './header-field.ts';
import { Incoming, type IncomingOwner } from './incoming.ts';
import { Receiver, type ReceiverEvents } from './receiver.ts';
import { Sender, type SenderOwner } from './sender.ts';
import {
  DEFAULT_LOCAL_SETTINGS,
  type LocalSettings,
  PeerSettings,
  settingsOf,
} from './settings.ts';
import { Stream, type StreamOwner } from './stream.ts';
import { CLOSED, StreamTable } from './stream-table.ts';
import type {
  ConnectionHandler,
  Http2Connection,
  Http2Stream,
  StreamEnd,
  StreamHandler,
} from './types.ts';

/** After we closed a connection, the peer has this long to read what we said last. */
const LINGER_MS = 1_000;

const COMPLETE: StreamEnd = { kind: 'complete' };
const REFUSED: StreamEnd = { kind: 'refused' };

export interface Http2Options {
  readonly clock: Clock;
  /** What differs from {@link DEFAULT_LOCAL_SETTINGS}. */
  readonly settings?: Partial<LocalSettings>;
  /** As a server: bytes that detection read already. */
  readonly first?: Buffer;
}

/**
 * Starts HTTP/2 on a transport. The handler is called in a later turn, never before
 * this returns.
 */
export function createHttp2Connection(
  transport: Transport,
  role: 'client' | 'server',
  options: Http2Options,
  handler: ConnectionHandler,
): Http2Connection {
  const connection = new Connection(transport, role, options, handler);
  connection.start(options.first);
  return connection;
}

/**
 * - `open`: streams come and go.
 * - `draining`: no new ones; closes with the last.
 * - `closed`: streams and handler were told; the transport may linger.
 */
type State = 'open' | 'draining' | 'closed';

class Connection
  implements
    Http2Connection,
    TransportHandler,
    ReceiverEvents,
    SenderOwner,
    StreamOwner,
    IncomingOwner
{
  readonly #transport: Transport;
  readonly #role: 'client' | 'server';
  readonly #clock: Clock;
  readonly #handler: ConnectionHandler;
  readonly #settings: LocalSettings;
  readonly #peer: PeerSettings;
  readonly #streams: StreamTable;
  readonly #sender: Sender;
  readonly #incoming: Incoming;
  readonly #receiver: Receiver;
  readonly #reader: FrameReader;
  #state: State = 'open';
  #linger: Timer | undefined;
  #settingsAcked = false;
  /** PINGs on their way, oldest first. */
  readonly #pings: (() => void)[] = [];
  #pingNumber = 0;
  /** The peer's GOAWAY came. */
  #goawayCame = false;
  /** Our GOAWAY named the last stream that we take. */
  #goawaySent = false;
  /** The owner found us full, and waits to hear that we are not. */
  #full = false;
  #nowMs: number;

  constructor(
    transport: Transport,
    role: 'client' | 'server',
    options: Http2Options,
    handler: ConnectionHandler,
  ) {
    const settings = { ...DEFAULT_LOCAL_SETTINGS, ...options.settings };
    this.#transport = transport;
    this.#role = role;
    this.#clock = options.clock;
    this.#handler = handler;
    this.#settings = settings;
    this.#nowMs = options.clock.monotonicMs();
    this.#peer = new PeerSettings(role);
    this.#streams = new StreamTable(role);
    this.#sender = new Sender(transport, this);
    this.#incoming = new Incoming(this, role, settings, this.#streams, this.#sender);
    this.#receiver = new Receiver(this, settings);
    this.#reader = new FrameReader(this.#receiver, settings.maxFrameBytes, role === 'server');
  }

  start(first: Buffer | undefined): void {
    this.#transport.attach(this);
    if (this.#role === 'client') this.#sender.preface();
    this.#sender.settings(settingsOf(this.#settings, this.#role));
    this.#incoming.openConnectionWindow();
    if (first === undefined || first.length === 0) {
      this.#transport.resume();
      return;
    }
    process.nextTick(() => {
      this.onData(first);
      if (this.#state !== 'closed') this.#transport.resume();
    });
  }

  // For the owner.

  get streamCount(): number {
    return this.#streams.size;
  }

  get available(): boolean {
    return (
      this.#state === 'open' &&
      !this.#goawayCame &&
      !this.#streams.exhausted &&
      this.#streams.size < this.#peer.maxConcurrentStreams
    );
  }

  get settled(): boolean {
    return this.#peer.received;
  }

  open(fields: readonly HeaderField[], endStream: boolean, handler: StreamHandler): Http2Stream {
    if (this.#role === 'server' || !this.available) {
      throw new MeshError('connection-reset', 'the HTTP/2 connection takes no further stream');
    }
    const stream = this.newStream(this.#streams.nextId);
    this.#streams.nextId += 2;
    this.#streams.add(stream);
    stream.handler = handler;
    this.#incoming.expectResponse(stream, fields);
    this.#full = !this.available;
    this.#sender.headers(stream, fields, endStream);
    return stream;
  }

  ping(onPong: () => void): void {
    if (this.#state === 'closed') return;
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(++this.#pingNumber, 4);
    this.#pings.push(onPong);
    this.#sender.ping(payload, 0, false);
  }

  drain(): void {
    if (this.#state !== 'open') return;
    this.#state = 'draining';
    if (this.#role === 'client') {
      this.#sayGoaway(ERROR_CODE.noError);
    } else {
      // Requests on their way are taken still (RFC 9113 §6.8).
      this.#sender.goaway(MAX_STREAM_ID, ERROR_CODE.noError);
      this.ping(() => this.#sayGoaway(ERROR_CODE.noError));
    }
  }

  destroy(error?: Error): void {
    if (this.#state === 'closed') return;
    this.#sender.stop();
    this.#close(error, undefined);
    this.#transport.destroy(error);
  }

  // From the transport.

  onData(bytes: Buffer): void {
    if (this.#state === 'closed') return;
    this.#nowMs = this.#clock.monotonicMs();
    try {
      this.#reader.feed(bytes);
      this.#checkControlQueue();
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      this.#fail(error);
    }
  }

  onDrain(): void {
    this.#sender.onDrain();
  }

  onEnd(): void {
    if (this.#state !== 'closed') {
      const error =
        this.#streams.size === 0
          ? undefined
          : new MeshError('connection-reset', 'the peer ended the HTTP/2 connection');
      this.#sender.finish();
      this.#close(error, error);
    }
    this.#transport.destroy();
  }

  onClose(error: Error | undefined): void {
    this.#linger?.cancel();
    if (this.#state === 'closed') return;
    this.#sender.stop();
    const lost = new MeshError('connection-reset', 'the HTTP/2 connection is gone', {
      cause: error,
    });
    this.#close(lost, lost);
  }

  // For streams.

  sendHeaders(stream: Stream, fields: readonly HeaderField[], endStream: boolean): void {
    if (!stream.closed && !stream.localEnded) this.#sender.headers(stream, fields, endStream);
  }

  sendData(stream: Stream, bytes: Buffer, endStream: boolean): boolean {
    if (stream.closed || stream.localEnded) return true;
    return this.#sender.data(stream, bytes, endStream);
  }

  consumed(stream: Stream, bytes: number): void {
    if (!stream.closed) this.#incoming.credit(stream, bytes);
  }

  resetByOwner(stream: Stream, code: number): void {
    if (stream.closed) return;
    stream.handler = undefined;
    this.#sender.resetStream(stream.id, code);
    this.#remove(stream, CLOSED.resetHere, undefined);
  }

  // From the sender.

  onLocalEnd(stream: Stream): void {
    if (stream.closed) return;
    if (stream.remoteEnded) this.endStream(stream, COMPLETE);
    else if (stream.unwanted) this.resetStream(stream, ERROR_CODE.noError);
  }

  // From incoming messages.

  newStream(id: number): Stream {
    const { streamWindowBytes } = this.#peer;
    return new Stream(this, id, streamWindowBytes, this.#incoming.streamWindowBytes, this.#nowMs);
  }

  admit(stream: Stream, fields: readonly HeaderField[], endStream: boolean): void {
    const handler = this.#handler.onStream?.(stream, fields, endStream);
    if (handler === undefined) {
      if (!stream.closed) this.resetStream(stream, ERROR_CODE.refusedStream);
      return;
    }
    stream.handler = handler;
    if (stream.untoldEnd !== undefined) handler.onClose(stream.untoldEnd);
  }

  onRemoteEnd(stream: Stream): void {
    if (stream.localEnded && !stream.closed) this.endStream(stream, COMPLETE);
  }

  endStream(stream: Stream, end: StreamEnd): void {
    this.#remove(stream, CLOSED.ended, end);
  }

  resetStream(stream: Stream, code: number): void {
    this.#sender.resetStream(stream.id, code);
    this.#remove(stream, CLOSED.resetHere, { kind: 'reset', code });
  }

  /** We have said which streams we take still, and this is none of them. */
  get refusesNew(): boolean {
    return this.#goawaySent;
  }

  // From the receiver: streams.

  onHeaders(
    streamId: number,
    fields: readonly HeaderField[] | undefined,
    endStream: boolean,
  ): void {
    this.#incoming.onHeaders(streamId, fields, endStream);
  }

  onDataHeader(streamId: number, frameBytes: number, endStream: boolean): void {
    this.#incoming.onDataHeader(streamId, frameBytes, endStream);
  }

  onDataBytes(bytes: Buffer, last: boolean): void {
    this.#incoming.onDataBytes(bytes, last);
  }

  onPadding(bytes: number): void {
    this.#incoming.onPadding(bytes);
  }

  onReset(streamId: number, code: number): void {
    this.#incoming.onReset(streamId, code);
  }

  onStreamFault(streamId: number, code: number): void {
    this.#incoming.onStreamFault(streamId, code);
  }

  onWindowUpdate(streamId: number, increment: number): void {
    this.#incoming.onWindowUpdate(streamId, increment);
  }

  onIgnored(_type: number): void {}

  // From the receiver: the connection.

  onSettings(bytes: Buffer, from: number, to: number): void {
    const peer = this.#peer;
    const first = !peer.received;
    const windowBefore = peer.streamWindowBytes;
    peer.read(bytes, from, to);
    this.#sender.setEncoderLimit(peer.headerTableBytes);
    this.#sender.setMaxFrameBytes(peer.maxFrameBytes);
    this.#sender.settingsAck();
    if (peer.streamWindowBytes !== windowBefore) {
      this.#incoming.widenAll(peer.streamWindowBytes - windowBefore);
    }
    if (first) this.#handler.onSettled?.();
    this.#checkAvailable();
  }

  onSettingsAck(): void {
    if (this.#settingsAcked) return;
    this.#settingsAcked = true;
    this.#incoming.enforceStreamWindow();
  }

  onPing(bytes: Buffer, from: number): void {
    this.#sender.ping(bytes, from, true);
  }

  onPong(bytes: Buffer, from: number): void {
    // Answers come in order; one that is no answer is left alone.
    const oldest = this.#pingNumber - this.#pings.length + 1;
    if (this.#pings.length === 0 || bytes.readUInt32BE(from + 4) !== oldest) return;
    this.#pings.shift()?.();
  }

  onGoaway(lastStreamId: number, code: number): void {
    this.#goawayCame = true;
    if (this.#role === 'client') {
      for (const stream of this.#streams.all()) {
        if (stream.id > lastStreamId) this.#remove(stream, CLOSED.ended, REFUSED);
      }
      this.#handler.onGoaway?.();
    }
    if (code === ERROR_CODE.noError || this.#streams.size > 0) this.#closeWhenDone();
    else this.#fail(goawayError(code));
  }

  // Ends.

  #remove(stream: Stream, how: number, end: StreamEnd | undefined): void {
    if (stream.closed) return;
    stream.closed = true;
    this.#streams.remove(stream.id, how);
    this.#sender.forget(stream);
    if (end !== undefined) {
      if (stream.handler === undefined) stream.untoldEnd = end;
      else stream.handler.onClose(end);
    }
    this.#closeWhenDone();
    this.#checkAvailable();
  }

  #checkAvailable(): void {
    if (!this.#full || !this.available) return;
    this.#full = false;
    this.#handler.onAvailable?.();
  }

  #checkControlQueue(): void {
    if (this.#state !== 'closed' && this.#sender.flooded) {
      throw new ConnectionError(
        ERROR_CODE.enhanceYourCalm,
        'http2-flood',
        'the peer asks for answers and does not read them',
      );
    }
  }

  #sayGoaway(code: number): void {
    if (this.#goawaySent) return;
    this.#goawaySent = true;
    this.#sender.goaway(this.#streams.lastPeerId, code);
    this.#closeWhenDone();
  }

  /** A connection that takes no new streams closes with its last one. */
  #closeWhenDone(): void {
    if (this.#state === 'closed' || this.#streams.size > 0) return;
    const over = this.#role === 'client' ? this.#goawayCame || this.#goawaySent : this.#goawaySent;
    if (!over) return;
    if (!this.#goawaySent) this.#sender.goaway(this.#streams.lastPeerId, ERROR_CODE.noError);
    this.#endTransport(undefined);
  }

  #fail(error: ConnectionError): void {
    if (this.#state === 'closed') return;
    this.#sender.goaway(this.#streams.lastPeerId, error.goawayCode);
    this.#endTransport(error);
  }

  /** Our side ends after what we said last; the peer has a moment to read it. */
  #endTransport(error: MeshError | undefined): void {
    this.#sender.finish();
    this.#close(error, error);
    this.#transport.end();
    this.#linger = this.#clock.setTimeout(() => this.#transport.destroy(), LINGER_MS);
  }

  #close(error: Error | undefined, told: MeshError | undefined): void {
    this.#state = 'closed';
    this.#reader.stop();
    const end: StreamEnd = { kind: 'lost', error };
    for (const stream of this.#streams.all()) {
      stream.closed = true;
      stream.handler?.onClose(end);
    }
    this.#streams.clear();
    this.#handler.onClose(told);
  }
}

function goawayError(code: number): ConnectionError {
  return new ConnectionError(
    ERROR_CODE.noError,
    'http2-goaway',
    `the peer ended the HTTP/2 connection with error ${code}`,
  );
}
