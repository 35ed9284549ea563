/** More than this of a body is not kept for another attempt, and not taken before one has a connection. */
const KEEP_LIMIT_BYTES = 64 * 1024;

/** As much a piece costs to keep, however small: a sender of single bytes must not fill the memory. */
const PIECE_COST_BYTES = 256;

/** Where a body goes; false asks to wait. */
export interface BodyTarget {
  writeBody(bytes: Buffer): boolean;
  endBody(trailers: Buffer | undefined): void;
}

/** Where a body comes from. */
export interface BodySource {
  pauseRequest(): void;
  resumeRequest(): void;
}

/**
 * A request's body on its way: waits for an attempt to be connected, goes to it as
 * it comes, and is kept meanwhile for another attempt, within a limit.
 */
export class RequestBody {
  /** Whether what was sent is kept. Given up for good once the body grows past the limit. */
  keep = true;
  readonly #source: BodySource;
  #target: BodyTarget | undefined;
  /** From the beginning, or nothing once something was given up. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  #complete = true;
  #ended = false;
  #trailers: Buffer | undefined;

  constructor(source: BodySource) {
    this.#source = source;
  }

  /** All that came is still at hand. */
  get replayable(): boolean {
    return this.#complete;
  }

  add(bytes: Buffer): void {
    const target = this.#target;
    if (target === undefined) {
      this.#hold(bytes);
      if (this.#heldBytes > KEEP_LIMIT_BYTES) this.#source.pauseRequest();
      return;
    }
    if (this.#complete) {
      if (this.keep && this.#heldBytes + costOf(bytes) <= KEEP_LIMIT_BYTES) this.#hold(bytes);
      else this.forget();
    }
    if (!target.writeBody(bytes)) this.#source.pauseRequest();
  }

  end(trailers: Buffer | undefined): void {
    this.#ended = true;
    this.#trailers = trailers;
    this.#target?.endBody(trailers);
  }

  /** Sends what came so far, and from now on what comes. */
  sendTo(target: BodyTarget): void {
    this.#target = target;
    const held = this.#held;
    if (held.length > 0 && (!this.keep || this.#heldBytes > KEEP_LIMIT_BYTES)) this.forget();
    let writable = true;
    for (const bytes of held) writable = target.writeBody(bytes);
    if (this.#ended) target.endBody(this.#trailers);
    else if (writable) this.#source.resumeRequest();
    else this.#source.pauseRequest();
  }

  /** The attempt is over; another one will follow. */
  detach(): void {
    this.#target = undefined;
  }

  /** No other attempt will be made. */
  forget(): void {
    this.#held = [];
    this.#heldBytes = 0;
    this.#complete = false;
  }

  #hold(bytes: Buffer): void {
    this.#held.push(bytes);
    this.#heldBytes += costOf(bytes);
  }
}

function costOf(bytes: Buffer): number {
  return Math.max(bytes.length, PIECE_COST_BYTES);
}
