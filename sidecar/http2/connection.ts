import type { Clock, Timer } from '../../runtime/clock.ts';
import { MeshError } from '../../runtime/errors.ts';
import type { Transport, TransportHandler } from '../transport.ts';
import { type DeadlineSubject, Deadlines } from './deadlines.ts';
import { ConnectionError, ERROR_CODE, floodError } from './error-code.ts';
import { type Budgets, FloodLimits } from './flood-limits.ts';
import { MAX_STREAM_ID } from './frame.ts';
import { FrameReader } from './frame-reader.ts';
import type { HeaderField } from './header-field.ts';
import { type ConnectionEvents, Receiver } from './receiver.ts';
import type { Sender } from './sender.ts';
import {
  DEFAULT_LOCAL_SETTINGS,
  type LocalSettings,
  PeerSettings,
  settingsOf,
} from './settings.ts';
import type { Stream } from './stream.ts';
import { type LifecycleOwner, StreamLifecycle } from './stream-lifecycle.ts';
import type { StreamTable } from './stream-table.ts';
import type { ConnectionHandler, Http2Connection, Http2Stream, StreamHandler } from './types.ts';

/** After we closed a connection, the peer has this long to read what we said last. */
const LINGER_MS = 1_000;
/** So much of what it says meanwhile is thrown away: who sends more does not listen. */
const LINGER_LIMIT_BYTES = 1024 * 1024;

export interface Http2Options {
  readonly clock: Clock;
  /** What differs from {@link DEFAULT_LOCAL_SETTINGS}. */
  readonly settings?: Partial<LocalSettings>;
  /** What a peer may do for nothing, where it differs from the defaults. */
  readonly budgets?: Partial<Budgets>;
  /**
   * The peer is known, and somebody else finds out when it is gone: what it opened may
   * stand still for as long as it likes.
   */
  readonly patient?: boolean;
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
  implements Http2Connection, TransportHandler, ConnectionEvents, LifecycleOwner, DeadlineSubject
{
  readonly #transport: Transport;
  readonly #role: 'client' | 'server';
  readonly #clock: Clock;
  readonly #handler: ConnectionHandler;
  readonly #settings: LocalSettings;
  readonly #peer: PeerSettings;
  readonly #lifecycle: StreamLifecycle;
  readonly #streams: StreamTable;
  readonly #sender: Sender;
  readonly #receiver: Receiver;
  readonly #reader: FrameReader;
  readonly #deadlines: Deadlines;
  #state: State = 'open';
  #linger: Timer | undefined;
  #discardedBytes = 0;
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

  constructor(
    transport: Transport,
    role: 'client' | 'server',
    options: Http2Options,
    handler: ConnectionHandler,
  ) {
    const { clock } = options;
    const settings = { ...DEFAULT_LOCAL_SETTINGS, ...options.settings };
    const peer = new PeerSettings(role);
    const limits = new FloodLimits(clock, options.budgets);
    this.#transport = transport;
    this.#role = role;
    this.#clock = clock;
    this.#handler = handler;
    this.#settings = settings;
    this.#peer = peer;
    const parts = { transport, role, clock, settings, peer, limits, handler };
    this.#lifecycle = new StreamLifecycle(this, parts);
    this.#streams = this.#lifecycle.table;
    this.#sender = this.#lifecycle.sender;
    this.#receiver = new Receiver(this, this.#lifecycle.incoming, limits, settings);
    this.#reader = new FrameReader(this.#receiver, settings.maxFrameBytes, role === 'server');
    const patient = options.patient === true;
    this.#deadlines = new Deadlines(clock, this, this.#sender, this.#streams, patient);
  }

  start(first: Buffer | undefined): void {
    this.#transport.attach(this);
    if (this.#role === 'client') this.#sender.preface();
    this.#sender.settings(settingsOf(this.#settings, this.#role));
    this.#lifecycle.window.open();
    this.#deadlines.arm();
    if (first === undefined || first.length === 0) {
      this.#transport.resume();
      return;
    }
    process.nextTick(() => {
      this.onData(first);
      if (!this.#isClosed()) this.#transport.resume();
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
    const stream = this.#lifecycle.open(handler);
    this.#full = !this.available;
    this.#lifecycle.incoming.expectResponse(stream, fields);
    this.#sender.headers(stream, fields, endStream);
    if (this.#streams.exhausted) this.drain();
    return stream;
  }

  ping(onPong: () => void): void {
    if (this.#isClosed()) return;
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(++this.#pingNumber, 4);
    this.#pings.push(onPong);
    this.#sender.ping(payload, 0, false);
  }

  drain(): void {
    if (this.#state !== 'open') return;
    this.#state = 'draining';
    if (this.#role === 'client') {
      this.finishDrain();
    } else {
      // Requests on their way are taken still (RFC 9113 §6.8).
      this.#sender.goaway(MAX_STREAM_ID, ERROR_CODE.noError);
      this.ping(() => this.finishDrain());
      this.#deadlines.arm();
    }
  }

  destroy(error?: Error): void {
    if (this.#isClosed()) return;
    this.#sender.stop();
    this.#close(error, undefined);
    this.#transport.destroy(error);
  }

  // From the transport.

  onData(bytes: Buffer): void {
    if (this.#isClosed()) {
      this.#discardedBytes += bytes.length;
      if (this.#discardedBytes > LINGER_LIMIT_BYTES) this.#transport.destroy();
      return;
    }
    this.#lifecycle.onArrival();
    try {
      this.#reader.feed(bytes);
      this.#lifecycle.incoming.flush();
      if (!this.#isClosed()) this.#checkAfterRead();
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      // What came before it came, however it was cut.
      this.#lifecycle.incoming.flush();
      this.fail(error);
    }
  }

  onDrain(): void {
    this.#sender.onDrain();
  }

  onEnd(): void {
    if (!this.#isClosed()) {
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
    if (this.#isClosed()) return;
    this.#sender.stop();
    const lost = new MeshError('connection-reset', 'the HTTP/2 connection is gone', {
      cause: error,
    });
    this.#close(lost, lost);
  }

  // From the receiver.

  onSettings(bytes: Buffer, from: number, to: number): void {
    const peer = this.#peer;
    const first = !peer.received;
    const windowBefore = peer.streamWindowBytes;
    peer.read(bytes, from, to);
    this.#sender.setEncoderLimit(peer.headerTableBytes);
    this.#sender.setMaxFrameBytes(peer.maxFrameBytes);
    this.#sender.settingsAck();
    if (peer.streamWindowBytes !== windowBefore) {
      this.#lifecycle.incoming.widenAll(peer.streamWindowBytes - windowBefore);
    }
    if (!this.available) this.#full = true;
    if (first) this.#handler.onSettled?.();
    this.#checkAvailable();
  }

  onSettingsAck(): void {
    if (this.#settingsAcked) return;
    this.#settingsAcked = true;
    this.#lifecycle.window.enforceStreamWindow();
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
      this.#lifecycle.refuseAbove(lastStreamId);
      this.#handler.onGoaway?.();
    }
    if (code === ERROR_CODE.noError || this.#streams.size > 0) this.#closeWhenDone();
    else this.fail(goawayError(code));
  }

  // From streams.

  onRemoved(): void {
    this.#closeWhenDone();
    this.#checkAvailable();
  }

  onWaiting(): void {
    this.#deadlines.arm();
  }

  // From the deadlines.

  get handshakeDone(): boolean {
    return this.#peer.received && this.#settingsAcked;
  }

  get unfinished(): boolean {
    return this.#reader.unfinished || this.#receiver.blockOpen;
  }

  get completed(): number {
    return this.#receiver.completed;
  }

  get draining(): boolean {
    return this.#state === 'draining' && !this.#goawaySent;
  }

  onStalled(stream: Stream): void {
    this.#lifecycle.resetStream(stream, ERROR_CODE.enhanceYourCalm);
  }

  finishDrain(): void {
    if (this.#goawaySent) return;
    this.#sayLastStream(ERROR_CODE.noError);
    this.#closeWhenDone();
  }

  cut(error: ConnectionError): void {
    if (this.#isClosed()) return;
    this.#sender.stop();
    this.#close(error, error);
    // A reset: otherwise the kernel would keep for minutes what it could not send.
    this.#transport.destroy(error);
  }

  fail(error: ConnectionError): void {
    if (this.#isClosed()) return;
    this.#sayLastStream(error.goawayCode);
    this.#endTransport(error);
  }

  // Ends.

  /** A method, because callbacks change the state between two looks at it. */
  #isClosed(): boolean {
    return this.#state === 'closed';
  }

  #checkAvailable(): void {
    if (!this.#full || !this.available) return;
    this.#full = false;
    this.#handler.onAvailable?.();
  }

  #checkAfterRead(): void {
    if (this.#sender.flooded) throw floodError('the peer asks for answers and does not read them');
    if (this.unfinished) this.#deadlines.arm();
  }

  #sayLastStream(code: number): void {
    this.#goawaySent = true;
    this.#lifecycle.refusesNew = true;
    this.#sender.goaway(this.#streams.lastPeerId, code);
  }

  /** A connection that takes no new streams closes with its last one. */
  #closeWhenDone(): void {
    if (this.#isClosed() || this.#streams.size > 0) return;
    if (!this.#goawaySent) {
      // A server waits for the client, which may ask more of it.
      if (this.#role === 'server' || !this.#goawayCame) return;
      this.#sayLastStream(ERROR_CODE.noError);
    }
    this.#endTransport(undefined);
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
    this.#deadlines.stop();
    this.#lifecycle.lose(error);
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
