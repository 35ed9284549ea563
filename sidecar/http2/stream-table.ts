import { MAX_STREAM_ID } from './frame.ts';
import type { Stream } from './stream.ts';

/** How a stream closed, as far as it is remembered. */
export const CLOSED = {
  /** It was never opened: a higher one was, and that closed it (RFC 9113 §5.1.1). */
  skipped: 0,
  /** Both sides ended, or the peer reset it: nothing may follow. */
  ended: 1,
  /** We reset it: what the peer sent before it knew may still come. */
  resetHere: 2,
  /** Longer ago than we remember. */
  longAgo: 3,
} as const;

/** Powers of two. A stream's slot follows from its id, which rises by two. */
const OPEN_SLOTS = 128;
const CLOSED_SLOTS = 256;

/**
 * The streams of a connection: those that are open, and what is still known of closed
 * ones. A row of slots instead of a map, because streams come and go with every
 * request; those that outlive many others move to a map.
 */
export class StreamTable {
  readonly #role: 'client' | 'server';
  readonly #slots: (Stream | undefined)[] = new Array(OPEN_SLOTS).fill(undefined);
  readonly #displaced = new Map<number, Stream>();
  /** By the id's lower bits: a newer stream takes the place of an older one. */
  readonly #closedIds = new Int32Array(CLOSED_SLOTS);
  readonly #closedHow = new Uint8Array(CLOSED_SLOTS);
  size = 0;
  /** As a client: of the stream that we open next. */
  nextId = 1;
  /** As a server: of the last stream that the peer opened. */
  lastPeerId = 0;

  constructor(role: 'client' | 'server') {
    this.#role = role;
  }

  get exhausted(): boolean {
    return this.nextId > MAX_STREAM_ID;
  }

  get(id: number): Stream | undefined {
    const stream = this.#slots[(id >>> 1) & (OPEN_SLOTS - 1)];
    if (stream !== undefined && stream.id === id) return stream;
    return this.#displaced.size === 0 ? undefined : this.#displaced.get(id);
  }

  /** Those open now; the table may change while they are walked through. */
  all(): Stream[] {
    const streams = [...this.#displaced.values()];
    for (const stream of this.#slots) {
      if (stream !== undefined) streams.push(stream);
    }
    return streams;
  }

  add(stream: Stream): void {
    const slot = (stream.id >>> 1) & (OPEN_SLOTS - 1);
    const older = this.#slots[slot];
    if (older !== undefined) this.#displaced.set(older.id, older);
    this.#slots[slot] = stream;
    this.size++;
  }

  /** @param how one of {@link CLOSED} */
  remove(stream: Stream, how: number): void {
    const { id } = stream;
    const slot = (id >>> 1) & (OPEN_SLOTS - 1);
    if (this.#slots[slot] === stream) this.#slots[slot] = undefined;
    else this.#displaced.delete(id);
    this.size--;
    this.remember(id, how);
  }

  clear(): void {
    this.#slots.fill(undefined);
    this.#displaced.clear();
    this.size = 0;
  }

  remember(id: number, how: number): void {
    const slot = (id >>> 1) & (CLOSED_SLOTS - 1);
    if ((this.#closedIds[slot] as number) > id) return;
    this.#closedIds[slot] = id;
    this.#closedHow[slot] = how;
  }

  /** One of {@link CLOSED}, of a stream that is not open. */
  howClosed(id: number): number {
    const slot = (id >>> 1) & (CLOSED_SLOTS - 1);
    const known = this.#closedIds[slot] as number;
    if (known === id) return this.#closedHow[slot] as number;
    return known > id ? CLOSED.longAgo : CLOSED.skipped;
  }

  /** No stream of this id was ever opened. Servers open none here, because push is off. */
  isIdle(id: number): boolean {
    if ((id & 1) === 0) return true;
    return this.#role === 'client' ? id >= this.nextId : id > this.lastPeerId;
  }
}
