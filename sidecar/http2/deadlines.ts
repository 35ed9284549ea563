import type { Clock, Timer } from '../../runtime/clock.ts';
import { ConnectionError, ERROR_CODE, floodError } from './error-code.ts';
import type { Sender } from './sender.ts';
import type { Stream } from './stream.ts';
import type { StreamTable } from './stream-table.ts';

const TICK_MS = 1_000;
/** From the start to the peer's SETTINGS and to its acknowledgement of ours. */
const HANDSHAKE_TICKS = 10;
/** From the first byte of a frame or header block to its last; DATA may take its time. */
const UNFINISHED_TICKS = 10;
/** Without taking anything at all, while it makes us hold {@link HOARD_BYTES} or does not read. */
const STALLED_CONNECTION_TICKS = 60;
const HOARD_BYTES = 1024 * 1024;
/** A stream whose peer takes less than {@link STREAM_PROGRESS_BYTES} in this time is given up. */
const STALLED_STREAM_TICKS = 300;
const STREAM_PROGRESS_BYTES = 1024;
/** Our last GOAWAY waits so long for the answer to a PING. */
const DRAIN_TICKS = 5;

/** The connection, as its deadlines see it. */
export interface DeadlineSubject {
  readonly handshakeDone: boolean;
  /** A frame that is not DATA, or a header block, has begun and not ended. */
  readonly unfinished: boolean;
  /** Changes with each frame or block that ended. */
  readonly completed: number;
  /** A drain has been announced, and its last word is not said. */
  readonly draining: boolean;

  fail(error: ConnectionError): void;
  /** The same of a peer that reads nothing, so that no last word would reach it. */
  cut(error: ConnectionError): void;
  /** The peer takes nothing of this stream. */
  onStalled(stream: Stream): void;
  finishDrain(): void;
}

/**
 * What a peer must do in time. One timer a second, and only while something is due:
 * a quiet connection has none.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #subject: DeadlineSubject;
  readonly #sender: Sender;
  readonly #streams: StreamTable;
  readonly #patient: boolean;
  #timer: Timer | undefined;
  #stopped = false;
  #handshakeTicks = 0;
  #unfinishedTicks = 0;
  #completed = 0;
  #stalledTicks = 0;
  #moves = 0;
  #unsentBytes: number | undefined;
  #drainTicks = 0;

  /** @param patient streams and connection may stand still */
  constructor(
    clock: Clock,
    subject: DeadlineSubject,
    sender: Sender,
    streams: StreamTable,
    patient: boolean,
  ) {
    this.#patient = patient;
    this.#clock = clock;
    this.#subject = subject;
    this.#sender = sender;
    this.#streams = streams;
  }

  /** Something is due from now on. */
  arm(): void {
    if (this.#timer !== undefined || this.#stopped) return;
    this.#timer = this.#clock.setTimeout(() => this.#tick(), TICK_MS);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #tick(): void {
    this.#timer = undefined;
    const error = this.#overdue();
    if (error !== undefined) {
      const isDeaf = this.#stalledTicks >= STALLED_CONNECTION_TICKS && this.#sender.blocked;
      if (isDeaf) this.#subject.cut(error);
      else this.#subject.fail(error);
      return;
    }
    const { handshakeDone, unfinished, draining } = this.#subject;
    const { queuedBytes, blocked } = this.#sender;
    const waits = !this.#patient && (queuedBytes > 0 || blocked);
    if (!handshakeDone || unfinished || waits || draining) this.arm();
  }

  #overdue(): ConnectionError | undefined {
    const subject = this.#subject;
    if (!subject.handshakeDone && ++this.#handshakeTicks >= HANDSHAKE_TICKS) {
      return timeout(ERROR_CODE.settingsTimeout, 'the peer does not answer SETTINGS in time');
    }
    if (subject.draining && ++this.#drainTicks === DRAIN_TICKS) subject.finishDrain();
    if (this.#isUnfinished()) {
      return timeout(ERROR_CODE.enhanceYourCalm, 'a frame or header block does not end in time');
    }
    if (this.#patient) return undefined;
    if (this.#sender.queuedBytes > 0) this.#checkStreams();
    if (this.#isStalled()) {
      return floodError('the peer asks for much and takes none of it');
    }
    return undefined;
  }

  #isUnfinished(): boolean {
    const { unfinished, completed } = this.#subject;
    const same = unfinished && completed === this.#completed;
    this.#completed = completed;
    this.#unfinishedTicks = same ? this.#unfinishedTicks + 1 : 0;
    return this.#unfinishedTicks >= UNFINISHED_TICKS;
  }

  #isStalled(): boolean {
    const { queuedBytes, blocked, moves, unsentBytes } = this.#sender;
    const waits = blocked || queuedBytes >= HOARD_BYTES;
    const same = waits && moves === this.#moves && unsentBytes === this.#unsentBytes;
    this.#moves = moves;
    this.#unsentBytes = unsentBytes;
    this.#stalledTicks = same ? this.#stalledTicks + 1 : 0;
    return this.#stalledTicks >= STALLED_CONNECTION_TICKS;
  }

  #checkStreams(): void {
    for (const stream of this.#streams.all()) {
      const { queue } = stream;
      if (queue === undefined) continue;
      if (queue.takenBytes - queue.takenAtTick >= STREAM_PROGRESS_BYTES) {
        queue.takenAtTick = queue.takenBytes;
        queue.stalledTicks = 0;
      } else if (++queue.stalledTicks >= STALLED_STREAM_TICKS) {
        this.#subject.onStalled(stream);
      }
    }
  }
}

function timeout(goawayCode: number, message: string): ConnectionError {
  return new ConnectionError(goawayCode, 'http2-timeout', message);
}
