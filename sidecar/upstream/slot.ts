import type { Endpoint } from '../config/types.ts';
import type { HeaderField } from '../http2/header-field.ts';
import type { Http2Stream, StreamHandler } from '../http2/types.ts';
import type { Lender } from './loan.ts';
import type { Member } from './member.ts';
import type { SharedConnection } from './shared-connection.ts';
import type { AttemptOutcome, StreamSlot } from './types.ts';

/** A stream of a shared connection while a request uses it. */
export class Slot implements StreamSlot {
  readonly endpoint: Endpoint;
  readonly port: number;
  readonly reused: boolean;
  readonly #member: Member;
  readonly #connection: SharedConnection;
  readonly #lender: Lender;
  #over = false;
  #reported = false;

  constructor(member: Member, connection: SharedConnection, lender: Lender) {
    this.endpoint = member.endpoint;
    this.port = member.port;
    this.reused = connection.used;
    this.#member = member;
    this.#connection = connection;
    this.#lender = lender;
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

  report(outcome: AttemptOutcome): void {
    if (this.#reported) return;
    this.#reported = true;
    this.#lender.reported(this.#member, outcome);
  }

  release(): void {
    if (this.#over) return;
    this.#over = true;
    this.#member.inFlight -= 1;
  }
}
