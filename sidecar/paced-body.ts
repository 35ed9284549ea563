import type { Clock, Timer } from '../runtime/clock.ts';

/** Between two pieces of a body. */
const TICK_MS = 50;
/** So much may wait before no more is asked for. */
const MIN_BACKLOG_BYTES = 16 * 1024;

/** Where the pieces go. */
export interface PacedSink<Trailers> {
  write(bytes: Buffer, last: boolean): void;
  end(trailers: Trailers | undefined): void;
}

/** Where the body comes from. */
export interface PacedSource {
  pause(): void;
  resume(): void;
}

export interface PacedBodyOptions<Trailers> {
  readonly bytesPerSecond: number;
  /** Whether everything may go at once by now. */
  readonly isOver: () => boolean;
  readonly sink: PacedSink<Trailers>;
  readonly source: PacedSource;
  readonly clock: Clock;
}

/**
 * Lets a body through at a rate. What is ahead of it waits, in pieces no larger than
 * they came, and the source is asked to wait before that becomes much.
 */
export class PacedBody<Trailers> {
  readonly #options: PacedBodyOptions<Trailers>;
  readonly #bytesPerMs: number;
  readonly #backlogBytes: number;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  /** The last of the pieces ends the body. */
  #endsWithPiece = false;
  /** The end is to be told by itself. */
  #endsAlone = false;
  #trailers: Trailers | undefined;
  #creditBytes: number;
  #creditedMs: number;
  #timer: Timer | undefined;
  #blocked = false;
  #paused = false;
  #over = false;

  constructor(options: PacedBodyOptions<Trailers>) {
    const { bytesPerSecond, clock } = options;
    this.#options = options;
    this.#bytesPerMs = bytesPerSecond / 1000;
    this.#creditBytes = this.#bytesPerMs * TICK_MS;
    this.#creditedMs = clock.monotonicMs();
    this.#backlogBytes = Math.max(2 * this.#creditBytes, MIN_BACKLOG_BYTES);
  }

  /** Something waits that has to go before the source's next. */
  get holds(): boolean {
    return this.#waiting.length > 0 || this.#endsAlone;
  }

  add(bytes: Buffer, last: boolean): void {
    if (this.#over) return;
    if (bytes.length > 0 || last) {
      this.#waiting.push(bytes);
      this.#waitingBytes += bytes.length;
    }
    this.#endsWithPiece = last;
    this.#pass();
    if (!last && !this.#paused && this.#waitingBytes > this.#backlogBytes) {
      this.#paused = true;
      this.#options.source.pause();
    }
  }

  end(trailers: Trailers | undefined): void {
    if (this.#over) return;
    this.#endsAlone = true;
    this.#trailers = trailers;
    this.#pass();
  }

  /** The sink takes nothing for the moment. */
  block(): void {
    this.#blocked = true;
  }

  unblock(): void {
    if (!this.#blocked) return;
    this.#blocked = false;
    this.#pass();
  }

  /** What waits is wanted by nobody any more. */
  stop(): void {
    this.#over = true;
    this.#waiting = [];
    this.#timer?.cancel();
  }

  #pass(): void {
    if (this.#timer !== undefined) return;
    while (!this.#over && !this.#blocked && this.holds) {
      const piece = this.#waiting[0];
      if (piece === undefined) {
        this.#over = true;
        this.#options.sink.end(this.#trailers);
        return;
      }
      const allowedBytes = this.#credit();
      if (piece.length > 0 && allowedBytes < 1) {
        this.#arm();
        break;
      }
      this.#take(piece, Math.min(piece.length, allowedBytes));
    }
    this.#resumeSource();
  }

  /** Sends the beginning of the first piece that waits. */
  #take(piece: Buffer, byteCount: number): void {
    this.#creditBytes -= byteCount;
    this.#waitingBytes -= byteCount;
    const whole = byteCount === piece.length;
    if (whole) this.#waiting.shift();
    else this.#waiting[0] = piece.subarray(byteCount);
    const last = this.#endsWithPiece && this.#waiting.length === 0;
    if (last) this.#over = true;
    this.#options.sink.write(whole ? piece : piece.subarray(0, byteCount), last);
  }

  /** How many bytes may go now. */
  #credit(): number {
    const { clock, isOver } = this.#options;
    if (isOver()) return Number.MAX_SAFE_INTEGER;
    const nowMs = clock.monotonicMs();
    // A timer may be late: what it let pass is made up for, within bounds.
    const mostBytes = 2 * TICK_MS * this.#bytesPerMs + 1;
    const gained = (nowMs - this.#creditedMs) * this.#bytesPerMs;
    this.#creditBytes = Math.min(Math.max(this.#creditBytes, 0) + gained, mostBytes);
    this.#creditedMs = nowMs;
    return Math.floor(this.#creditBytes);
  }

  #arm(): void {
    const missing = 1 - this.#creditBytes;
    const delayMs = Math.max(TICK_MS, Math.ceil(missing / this.#bytesPerMs));
    this.#timer = this.#options.clock.setTimeout(() => {
      this.#timer = undefined;
      this.#pass();
    }, delayMs);
  }

  #resumeSource(): void {
    if (!this.#paused || this.#over || this.#waitingBytes > this.#backlogBytes / 2) return;
    this.#paused = false;
    this.#options.source.resume();
  }
}
