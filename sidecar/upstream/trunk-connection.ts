import type { HeaderField } from '../http2/header-field.ts';
import type { Http2Stream, StreamHandler } from '../http2/types.ts';
import type { CountedConnection } from '../transport.ts';
import type { TrunkHttp2, TrunkHttp2Watcher } from '../trunk/types.ts';
import { SharedConnection, type SharedConnectionOwner } from './shared-connection.ts';

/**
 * A shared connection that is a part of the trunk: its streams are streams of the
 * connection that all have to the endpoint's sidecar. It is counted and limited like
 * one of its own, and counts the bytes of heads and bodies as they are before they are
 * compressed and framed.
 */
export class TrunkConnection
  extends SharedConnection
  implements TrunkHttp2Watcher, CountedConnection
{
  readonly mutualTls = true;
  bytesRead = 0;
  bytesWritten = 0;
  onCounted: (() => void) | undefined;
  readonly #http2: TrunkHttp2;

  constructor(http2: TrunkHttp2, nowMs: number, owner: SharedConnectionOwner) {
    super(nowMs, owner);
    this.#http2 = http2;
    http2.watch(this);
  }

  get identity(): string | undefined {
    return this.#http2.peer.identity;
  }

  get counted(): CountedConnection {
    return this;
  }

  get available(): boolean {
    return !this.retired && this.#http2.available;
  }

  protected get streams(): number {
    return this.slots;
  }

  get finished(): boolean {
    return this.#http2.finished;
  }

  protected openStream(
    fields: readonly HeaderField[],
    endStream: boolean,
    handler: StreamHandler,
  ): Http2Stream {
    return this.#http2.open(fields, endStream, handler);
  }

  heard(bytes: number): void {
    this.bytesRead += bytes;
  }

  said(bytes: number): void {
    this.bytesWritten += bytes;
  }

  override returned(): void {
    super.returned();
    if (this.retired && this.slots === 0) this.#close();
  }

  retire(): void {
    if (this.retired) return;
    this.retired = true;
    this.#http2.leave();
    this.owner.retired(this);
    if (this.slots === 0) this.#close();
  }

  onAvailable(): void {
    this.owner.available();
  }

  onFinished(): void {
    this.retire();
  }

  #close(): void {
    this.owner.closed(this);
    const counted = this.onCounted;
    this.onCounted = undefined;
    counted?.();
  }
}
