import { MAX_STREAM_ID } from './frame.ts';
import type { Stream } from './stream.ts';

/** How a stream closed, as far as it is remembered. */
export const CLOSED = {
  /** Longer ago than we remember, or never opened. */
  unknown: 0,
  /** Both sides ended, or the peer reset it: nothing may follow. */
  ended: 1,
  /** We reset it: what the peer sent before it knew may still come. */
  resetHere: 2,
} as const;

const REMEMBERED = 256;

/** The streams of a connection: those that are open, and what is still known of closed ones. */
export class StreamTable {
  readonly #role: 'client' | 'server';
  readonly #open = new Map<number, Stream>();
  /** By the id's lower bits: a newer stream takes the place of an older one. */
  readonly #closedIds = new Int32Array(REMEMBERED);
  readonly #closedHow = new Uint8Array(REMEMBERED);
  /** As a client: of the stream that we open next. */
  nextId = 1;
  /** As a server: of the last stream that the peer opened. */
  lastPeerId = 0;

  constructor(role: 'client' | 'server') {
    this.#role = role;
  }

  get size(): number {
    return this.#open.size;
  }

  get exhausted(): boolean {
    return this.nextId > MAX_STREAM_ID;
  }

  get(id: number): Stream | undefined {
    return this.#open.get(id);
  }

  /** Those open now; the table may change while they are walked through. */
  all(): Iterable<Stream> {
    return this.#open.values();
  }

  add(stream: Stream): void {
    this.#open.set(stream.id, stream);
  }

  /** @param how one of {@link CLOSED} */
  remove(id: number, how: number): void {
    this.#open.delete(id);
    this.remember(id, how);
  }

  clear(): void {
    this.#open.clear();
  }

  remember(id: number, how: number): void {
    const slot = (id >>> 1) & (REMEMBERED - 1);
    this.#closedIds[slot] = id;
    this.#closedHow[slot] = how;
  }

  /** One of {@link CLOSED}, of a stream that is not open. */
  howClosed(id: number): number {
    const slot = (id >>> 1) & (REMEMBERED - 1);
    return this.#closedIds[slot] === id ? (this.#closedHow[slot] as number) : CLOSED.unknown;
  }

  /** No stream of this id was ever opened. Servers open none here, because push is off. */
  isIdle(id: number): boolean {
    if ((id & 1) === 0) return true;
    return this.#role === 'client' ? id >= this.nextId : id > this.lastPeerId;
  }
}
