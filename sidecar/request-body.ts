import { type KeptBodies, keptBodies } from './kept-bodies.ts';

/** More than this of a body is not kept for another attempt, and not taken before one has a connection. */
const KEEP_LIMIT_BYTES = 64 * 1024;
const NOTHING: readonly Buffer[] = [];

/** As much a piece costs to keep, however small: a sender of single bytes must not fill the memory. */
const PIECE_COST_BYTES = 256;

/** Where a body goes; false asks to wait. */
export interface BodyTarget<Trailers> {
  /** @param last the body ends with these bytes, without trailers, and `endBody` does not follow */
  writeBody(bytes: Buffer, last: boolean): boolean;
  endBody(trailers: Trailers | undefined): void;
}

/** Gets a copy of a body. */
export interface BodySink<Trailers> {
  onBody(bytes: Buffer, last: boolean): void;
  onBodyEnd(trailers: Trailers | undefined): void;
}

/** Where a body comes from. */
export interface BodySource {
  pauseRequest(): void;
  resumeRequest(): void;
}

/**
 * A request's body on its way: waits for an attempt to be connected, goes to it as
 * it comes, and is kept meanwhile for another attempt, within a limit. When all bodies
 * together are kept up to another limit, further ones pass without being kept.
 */
export class RequestBody<Trailers> {
  /** Whether what was sent is kept. Given up for good once the body grows past the limit. */
  keep = true;
  readonly #source: BodySource;
  readonly #kept: KeptBodies;
  #target: BodyTarget<Trailers> | undefined;
  /** From the beginning, or nothing once something was given up. */
  #held: Buffer[] | undefined;
  #heldBytes = 0;
  #complete = true;
  #ended = false;
  #trailers: Trailers | undefined;

  constructor(source: BodySource, kept: KeptBodies = keptBodies) {
    this.#source = source;
    this.#kept = kept;
  }

  /** All that came is still at hand. */
  get replayable(): boolean {
    return this.#complete;
  }

  /** An attempt has it, and it is whole and at hand: another one could have it too. */
  get isWholeAndSent(): boolean {
    return this.#target !== undefined && this.#ended && this.#complete;
  }

  /** @param last the body ends with these bytes, without trailers, and `end` does not follow */
  add(bytes: Buffer, last: boolean): void {
    if (last) this.#ended = true;
    const target = this.#target;
    if (target === undefined) {
      this.#hold(bytes);
      if (!last && this.#isTooMuch()) this.#source.pauseRequest();
      return;
    }
    if (this.#complete) {
      const fits = this.#heldBytes + costOf(bytes) <= KEEP_LIMIT_BYTES && !this.#kept.full;
      if (this.keep && fits) this.#hold(bytes);
      else this.forget();
    }
    if (!target.writeBody(bytes, last) && !last) this.#source.pauseRequest();
  }

  end(trailers: Trailers | undefined): void {
    this.#ended = true;
    this.#trailers = trailers;
    this.#target?.endBody(trailers);
  }

  /** Sends what came so far, and from now on what comes. */
  sendTo(target: BodyTarget<Trailers>): void {
    this.#target = target;
    const held = this.#held ?? NOTHING;
    if (held.length > 0 && (!this.keep || this.#isTooMuch())) this.forget();
    const writable = this.#write(held, target);
    if (this.#ended) return;
    if (writable) this.#source.resumeRequest();
    else this.#source.pauseRequest();
  }

  /** Sends a body that is whole to a target beside the one that has it. */
  sendAlsoTo(target: BodyTarget<Trailers>): void {
    this.#write(this.#held ?? NOTHING, target);
  }

  /** What came before there was an attempt. */
  copyTo(sink: BodySink<Trailers>): void {
    for (const bytes of this.#held ?? NOTHING) sink.onBody(bytes, false);
    if (this.#ended) sink.onBodyEnd(this.#trailers);
  }

  /** The attempt is over; another one will follow. */
  detach(): void {
    this.#target = undefined;
  }

  /** No other attempt will be made. */
  forget(): void {
    this.#held = undefined;
    this.#kept.remove(this.#heldBytes);
    this.#heldBytes = 0;
    this.#complete = false;
  }

  #write(held: readonly Buffer[], target: BodyTarget<Trailers>): boolean {
    // A body that is whole already ends with its last piece.
    const joined = this.#ended && this.#trailers === undefined ? held.length - 1 : -1;
    let writable = true;
    for (let i = 0; i < held.length; i++)
      writable = target.writeBody(held[i] as Buffer, i === joined);
    if (this.#ended && joined < 0) target.endBody(this.#trailers);
    return writable;
  }

  #hold(bytes: Buffer): void {
    this.#held ??= [];
    this.#held.push(bytes);
    const cost = costOf(bytes);
    this.#heldBytes += cost;
    this.#kept.add(cost);
  }

  #isTooMuch(): boolean {
    return this.#heldBytes > KEEP_LIMIT_BYTES || this.#kept.full;
  }
}

function costOf(bytes: Buffer): number {
  return Math.max(bytes.length, PIECE_COST_BYTES);
}
