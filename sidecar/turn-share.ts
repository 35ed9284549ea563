/** What large reads of all connections may cost in one turn of the event loop; what is over waits for the next. */
const TURN_MS = 2;
/** What one connection does of that before the next one is heard. */
const SLICE_MS = 0.5;
/** A read of less never waits: whoever asks for little goes ahead of those that ask for much. */
export const LIGHT_BYTES = 1024;
/** A slice makes some progress, whatever its bytes cost. */
const MIN_SLICE_BYTES = 256;
/** Of a connection of which nothing is known: between bulk, which costs a hundredth, and tiny frames. */
const FIRST_MS_PER_BYTE = 5e-5;

/** Has bytes that wait. */
export interface Waiting {
  /** To be heard once; who has more then waits again. */
  proceed(): void;
}

let spentMs = 0;
let scheduled = false;
let waiting: Waiting[] = [];

function schedule(): void {
  if (scheduled) return;
  scheduled = true;
  setImmediate(beginTurn);
}

/** The new turn's share goes to those that wait, each a slice, as long as it lasts. */
function beginTurn(): void {
  scheduled = false;
  spentMs = 0;
  if (waiting.length === 0) return;
  const queue = waiting;
  waiting = [];
  let next = 0;
  // Who has more joins `waiting` behind the others.
  while (next < queue.length && spentMs < TURN_MS) queue[next++]?.proceed();
  if (next < queue.length) waiting = queue.slice(next).concat(waiting);
  // What the poll to come reads is of the same turn, and gets what is left.
  schedule();
}

/** For the next turns, in the order in which they came. */
export function waitForShare(one: Waiting): void {
  waiting.push(one);
  schedule();
}

/**
 * The part of one connection in what a turn can do.
 *
 * 64 KiB of bulk take microseconds; as many bytes of frames with a byte each, or of requests
 * that are taken back, take milliseconds, and a hundred connections that send such would make
 * turns so long that all others wait. What bytes of a connection cost is measured, and what
 * would be too much for a turn is done in slices, by all such connections in turns. As
 * Envoy's limit of requests in a cycle of I/O, whatever it is that costs.
 */
export class TurnShare {
  #msPerByte = FIRST_MS_PER_BYTE;

  /** So many bytes can be handled at once, as they came. */
  admits(bytes: number): boolean {
    return bytes <= LIGHT_BYTES || spentMs + bytes * this.#msPerByte <= TURN_MS;
  }

  /** How many of so many bytes make a slice. */
  slice(bytes: number): number {
    return Math.min(bytes, Math.max(MIN_SLICE_BYTES, Math.floor(SLICE_MS / this.#msPerByte)));
  }

  /** Tells what it took to handle bytes that were no light read. */
  spent(bytes: number, tookMs: number): void {
    spentMs += tookMs;
    // A head is dear by the byte; that says little of what the bytes after it cost.
    const weight = Math.min(0.5, bytes / (2 * LIGHT_BYTES));
    this.#msPerByte += (tookMs / bytes - this.#msPerByte) * weight;
    schedule();
  }
}
