import type { HeaderField } from '../http2/header-field.ts';
import type { Http2Stream, StreamHandler } from '../http2/types.ts';
import type { CountedConnection } from '../transport.ts';

/** Without a stream for so long it is closed. */
const IDLE_MS = 60_000;

/** What a connection tells its pool. */
export interface SharedConnectionOwner {
  /** It takes a stream again, after it took none. */
  available(): void;
  /** It takes no stream any more, for good. */
  retired(connection: SharedConnection): void;
  closed(connection: SharedConnection): void;
}

/** One connection of HTTP/2 to an endpoint, as many requests use it. */
export abstract class SharedConnection {
  abstract readonly mutualTls: boolean;
  /** The SPIFFE ID that the endpoint's sidecar proved. */
  abstract readonly identity: string | undefined;
  /** For whoever counts connections. */
  abstract readonly counted: CountedConnection;
  /** It carried a stream before. */
  used = false;
  /** Requests that use it now. */
  slots = 0;
  protected readonly owner: SharedConnectionOwner;
  protected retired = false;
  #usedMs: number;

  constructor(nowMs: number, owner: SharedConnectionOwner) {
    this.owner = owner;
    this.#usedMs = nowMs;
  }

  /** Takes a stream now. */
  abstract get available(): boolean;
  protected abstract get streams(): number;
  /** What carries it takes nothing new, ever. */
  abstract get finished(): boolean;

  open(fields: readonly HeaderField[], endStream: boolean, handler: StreamHandler): Http2Stream {
    this.used = true;
    return this.openStream(fields, endStream, handler);
  }

  protected abstract openStream(
    fields: readonly HeaderField[],
    endStream: boolean,
    handler: StreamHandler,
  ): Http2Stream;

  /** A request has a place on it. */
  taken(): void {
    this.slots += 1;
  }

  /** The request is over. */
  returned(): void {
    this.slots -= 1;
  }

  /** The endpoint said so many bytes on one of its streams. */
  abstract heard(bytes: number): void;
  /** So many bytes were said to it. */
  abstract said(bytes: number): void;

  /** To be called once a second or so. */
  sweep(nowMs: number, idleLimitMs: number): void {
    const limitMs = Math.min(IDLE_MS, idleLimitMs);
    if (this.streams > 0) this.#usedMs = nowMs;
    else if (nowMs - this.#usedMs >= limitMs || this.finished) this.retire();
  }

  /** No new streams; the connection ends with the last one. */
  abstract retire(): void;
}
