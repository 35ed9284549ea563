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
    connection.slots += 1;
  }

  get mutualTls(): boolean {
    return this.#connection.dialed.mutualTls;
  }

  get identity(): string | undefined {
    return this.#connection.dialed.transport.peer.identity;
  }

  open(fields: readonly HeaderField[], endStream: boolean, handler: StreamHandler): Http2Stream {
    return this.#connection.open(fields, endStream, handler);
  }

  heard(): void {
    this.#connection.heard();
  }

  release(): void {
    if (this.#over) return;
    this.#over = true;
    this.#connection.slots -= 1;
    this.lender.streamOver(this.member);
  }
}
