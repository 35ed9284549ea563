import type { HeaderField } from '../http2/header-field.ts';
import type { Http2Stream, StreamHandler } from '../http2/types.ts';
import { type Lender, Lent } from './lent.ts';
import type { Member } from './member.ts';
import type { SharedConnection } from './shared-connection.ts';
import type { StreamSlot } from './types.ts';

/** A stream of a shared connection while a request uses it. */
export class Slot extends Lent implements StreamSlot {
  readonly reused: boolean;
  readonly #connection: SharedConnection;
  #over = false;

  constructor(member: Member, connection: SharedConnection, lender: Lender, lentMs: number) {
    super(member, lender, lentMs);
    this.reused = connection.used;
    this.#connection = connection;
    connection.taken();
  }

  get mutualTls(): boolean {
    return this.#connection.mutualTls;
  }

  get identity(): string | undefined {
    return this.#connection.identity;
  }

  open(fields: readonly HeaderField[], endStream: boolean, handler: StreamHandler): Http2Stream {
    return this.#connection.open(fields, endStream, handler);
  }

  heard(bytes: number): void {
    this.#connection.heard(bytes);
  }

  said(bytes: number): void {
    this.#connection.said(bytes);
  }

  retire(): void {
    this.#connection.retire();
  }

  release(): void {
    if (this.#over) return;
    this.#over = true;
    this.lender.streamOver(this.member);
    this.#connection.returned();
  }
}
